#include <iostream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "bundles/bundle_readme.h"
#include "bundles/bundle_store.h"
#include "bundles/chorusfile.h"
#include "bundles/resources.h"
#include "cli/bundles/bundles.h"
#include "cli/bundles/program.h"
#include "cli/demo_store.h"
#include "cli/graph_file.h"
#include "cli/installation.h"
#include "config/yaml_writer.h"
#include "model_store/model_store.h"
#include "proto/chorus/config/v1/gateway.pb.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::BundleFile;

constexpr size_t kVersionDigits = 12;  // Of the content's hash.

// The files of a bundle as they come together in one folder.
class Content {
 public:
  explicit Content(fs::path directory) : directory_(std::move(directory)) {}

  const fs::path& directory() const { return directory_; }

  absl::Status Write(const std::string& name, const std::string& text) {
    RETURN_IF_ERROR(store::FileSystem::Real().WriteFile(directory_ / name, text));
    return Add(name);
  }

  absl::Status Copy(const fs::path& from, const std::string& name) {
    std::error_code error;
    fs::create_directories((directory_ / name).parent_path(), error);
    if (error) return absl::ErrnoToStatus(error.value(), "cannot create a folder for " + name);
    RETURN_IF_ERROR(store::FileSystem::Real().CopyFile(from, directory_ / name).status());
    return Add(name);
  }

  // Puts the files, sorted, into `bundle`.
  void ListIn(Bundle& bundle) const {
    bundle.clear_files();
    for (const auto& [name, digest] : digests_) {
      BundleFile& file = *bundle.add_files();
      file.set_name(name);
      file.set_size_bytes(digest.size_bytes);
      file.set_sha256(digest.sha256);
    }
  }

 private:
  absl::Status Add(const std::string& name) {
    ASSIGN_OR_RETURN(digests_[name], store::DigestFile(directory_ / name));
    return absl::OkStatus();
  }

  const fs::path directory_;
  std::map<std::string, store::FileDigest> digests_;
};

absl::StatusOr<GraphSummary> ReadGraph(const Chorusfile& chorusfile, const fs::path& path) {
  absl::StatusOr<GraphSummary> graph = ReadGraphFile(path);
  if (!absl::IsNotFound(graph.status())) return graph;
  return chorusfile.places.Error(
      "graph", absl::StrCat("there is no file ", path.lexically_normal().native()));
}

absl::Status PinModels(const Chorusfile& chorusfile, const GraphSummary& graph,
                       const store::ModelStore& store, Bundle& bundle) {
  ASSIGN_OR_RETURN(const auto tags, ChooseModels(chorusfile, graph.runners));
  for (const std::string& runner : graph.runners) {
    ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(tags.at(runner)));
    const absl::StatusOr<store::Manifest> manifest = store.Get(tag);
    if (!manifest.ok()) {
      return chorusfile.places.Error(
          "models",
          absl::StrCat("no model for the graph's runner ", runner, ": ",
                       manifest.status().message(), "; an entry RUNNER=TAG names another"));
    }
    if (const absl::Status status =
            CheckTask(graph, runner, manifest->task, manifest->architecture);
        !status.ok()) {
      return chorusfile.places.Error("models", std::string(status.message()));
    }
    RETURN_IF_ERROR(store.Verify(manifest->tag));
    *bundle.add_models() = PinModel(runner, *manifest);
  }
  return absl::OkStatus();
}

// What the gateway would serve at /docs.json; it checks the graph on the way.
absl::StatusOr<std::string> AskGatewayForOpenApi(const Installation& installation,
                                                 const GraphSummary& graph,
                                                 const fs::path& graph_file,
                                                 const fs::path& scratch) {
  ASSIGN_OR_RETURN(const fs::path gateway, installation.Program("api_server"));
  config::v1::Gateway config;
  for (const std::string& runner : graph.runners) {
    config.add_runners()->set_name(runner);
    config.mutable_runners()->rbegin()->add_endpoints("unix:/runner.sock");  // Never called.
  }
  const fs::path config_file = scratch / "gateway.yaml";
  RETURN_IF_ERROR(store::FileSystem::Real().WriteFile(config_file, FormatYaml(config)));
  ASSIGN_OR_RETURN(
      ProgramOutput output,
      CaptureProgram({gateway, "--config", config_file, "--graph", graph_file, "--print_openapi"}));
  if (output.exit_status == 0) return std::move(output.out);
  const absl::string_view words = absl::StripAsciiWhitespace(output.err);
  return absl::InvalidArgumentError(
      absl::StrCat(graph_file.native(), " is refused: ", absl::StripPrefix(words, "api_server: ")));
}

// The same for the same content, whenever and wherever it is built.
std::string VersionOf(const Bundle& content) {
  Sha256 hash;
  hash.Update(FormatYaml(content));
  return std::move(hash).HexDigest().substr(0, kVersionDigits);
}

absl::Status Gather(const Chorusfile& chorusfile, const fs::path& graph_file,
                    const std::string& openapi, Content& content) {
  RETURN_IF_ERROR(content.Write(kChorusfileName, chorusfile.text));
  RETURN_IF_ERROR(content.Copy(graph_file, kGraphFileName));
  RETURN_IF_ERROR(content.Write(kOpenApiFileName, openapi));
  ASSIGN_OR_RETURN(const std::vector<std::string> includes, FindIncludes(chorusfile));
  for (const std::string& name : includes) {
    RETURN_IF_ERROR(
        content.Copy(chorusfile.directory / name, absl::StrCat(kIncludeFolder, "/", name)));
  }
  return absl::OkStatus();
}

absl::Status Announce(const std::string& what, const store::Tag& tag) {
  std::cout << what << " " << tag.ToString() << "\nServe it:       chorus serve " << tag.name
            << ":latest\nMake an image:  chorus containerize " << tag.name << ":latest"
            << std::endl;
  return std::cout ? absl::OkStatus() : absl::UnavailableError("cannot write to standard output");
}

}  // namespace

absl::Status Build(const BuildOptions& options) {
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  const absl::StatusOr<Chorusfile> found = ReadChorusfile(options.directory / options.file);
  if (absl::IsNotFound(found.status())) {
    return absl::NotFoundError(
        absl::StrCat(found.status().message(), ", and -f names another file"));
  }
  RETURN_IF_ERROR(found.status());
  const Chorusfile& chorusfile = *found;
  const fs::path graph_file = chorusfile.directory / chorusfile.spec.graph();
  ASSIGN_OR_RETURN(const GraphSummary graph, ReadGraph(chorusfile, graph_file));
  RETURN_IF_ERROR(CheckResources(chorusfile.spec.resources(), graph.runners, chorusfile.places));

  Bundle bundle;
  bundle.set_name(chorusfile.spec.service());
  bundle.set_chorus_version(options.chorus_version);
  bundle.set_description(chorusfile.spec.description());
  *bundle.mutable_labels() = chorusfile.spec.labels();
  *bundle.mutable_resources() = chorusfile.spec.resources();
  ASSIGN_OR_RETURN(const store::ModelStore models, OpenStoreWithDemoModels(installation));
  RETURN_IF_ERROR(PinModels(chorusfile, graph, models, bundle));

  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  BundleStore bundles(home);
  ASSIGN_OR_RETURN(const store::ScratchDirectory scratch, bundles.CreateScratch());
  ASSIGN_OR_RETURN(const std::string openapi,
                   AskGatewayForOpenApi(installation, graph, graph_file, scratch.path()));
  Content content(scratch.path() / "content");
  RETURN_IF_ERROR(store::FileSystem::Real().CreateDirectory(content.directory()));
  RETURN_IF_ERROR(Gather(chorusfile, graph_file, openapi, content));
  content.ListIn(bundle);

  bundle.set_version(options.version.empty() ? VersionOf(bundle) : options.version);
  bundle.set_created(absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone()));
  RETURN_IF_ERROR(content.Write(kReadmeFileName, FormatReadme(bundle, graph.name)));
  content.ListIn(bundle);
  const absl::Status saved = bundles.Save(bundle, content.directory());
  if (absl::IsAlreadyExists(saved) && options.version.empty()) {
    RETURN_IF_ERROR(bundles.PointLatest(TagOf(bundle)));
    return Announce("Nothing has changed since", TagOf(bundle));
  }
  if (absl::IsAlreadyExists(saved)) {
    return absl::AlreadyExistsError(absl::StrCat(
        saved.message(), "; choose another --version, or none for one made from the content"));
  }
  RETURN_IF_ERROR(saved);
  return Announce("Built", TagOf(bundle));
}

}  // namespace chorus
