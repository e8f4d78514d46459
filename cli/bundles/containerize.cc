#include <iostream>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "bundles/bundle_store.h"
#include "bundles/pinned_models.h"
#include "cli/bundles/bundles.h"
#include "cli/bundles/program.h"
#include "model_store/model_store.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::chorus::config::v1::Bundle;
using Words = std::vector<std::string>;

constexpr char kDryRunContext[] = "CONTEXT";

// Shows the command and runs it.
absl::Status RunDocker(const Words& command) {
  std::cerr << "+ " << FormatCommand(command) << std::endl;
  ASSIGN_OR_RETURN(const int exit_status, RunProgram(command));
  if (exit_status == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(command[0], " ", command[1], " failed with status ",
                                          exit_status, "; its words are above"));
}

absl::Status CheckDocker() {
  const absl::StatusOr<ProgramOutput> version =
      CaptureProgram({"docker", "version", "--format", "{{.Server.Version}}"});
  if (absl::IsNotFound(version.status())) {
    return absl::NotFoundError(
        "docker is not installed, or not on PATH; --dry-run shows what it would be told");
  }
  RETURN_IF_ERROR(version.status());
  if (version->exit_status == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the Docker engine does not answer: ",
                                             absl::StripAsciiWhitespace(version->err)));
}

Words RuntimeBuildCommand(const ContainerImage& image, const ContainerizeOptions& options) {
  Words command = {"docker", "build", "--tag", image.runtime};
  if (!options.settings.platform.empty()) {
    command.insert(command.end(), {"--platform", options.settings.platform});
  }
  command.insert(command.end(), {"--file", options.source / "deploy/Dockerfile", "--target",
                                 image.target, options.source});
  return command;
}

// A runtime image of the user's own choice that is not here is left to docker, which may pull it.
absl::Status ProvideRuntime(const ContainerImage& image, const ContainerizeOptions& options) {
  ASSIGN_OR_RETURN(
      const ProgramOutput inspect,
      CaptureProgram({"docker", "image", "inspect", "--format", "{{.Id}}", image.runtime}));
  if (inspect.exit_status == 0) return absl::OkStatus();
  if (!options.source.empty()) return RunDocker(RuntimeBuildCommand(image, options));
  if (options.settings.runtimes.contains(image.target)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("there is no image ", image.runtime,
                   " here; --source DIR builds it from a checkout of Chorus, "
                   "--runtime ",
                   image.target, "=IMAGE names another"));
}

absl::Status CopyFile(const fs::path& from, const fs::path& to) {
  return store::FileSystem::Real().CopyFile(from, to).status();
}

absl::Status FillContext(const ContainerImage& image, const Bundle& bundle, const fs::path& home) {
  const fs::path content = image.folder / (image.target == "api_server" ? "etc" : "home");
  std::error_code error;
  fs::create_directories(content, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot create " + content.native());
  RETURN_IF_ERROR(store::FileSystem::Real().WriteFile(image.dockerfile_path, image.dockerfile));
  if (image.target == "api_server") {
    const fs::path directory = BundleStore(home).Directory(TagOf(bundle));
    RETURN_IF_ERROR(CopyFile(directory / kGraphFileName, content / kGraphFileName));
    return store::FileSystem::Real().WriteFile(content / "gateway.yaml",
                                               FormatGatewayConfig(bundle));
  }
  if (image.model < 0) return CopyBundle(bundle, home, content);
  store::ModelStore models(content);
  return CopyPinnedModel(bundle.models(image.model), store::ModelStore(home), models);
}

void PrintPlan(const std::vector<ContainerImage>& images, const ContainerizeOptions& options) {
  std::set<std::string> built;
  for (const ContainerImage& image : images) {
    if (!options.source.empty() && built.insert(image.runtime).second) {
      std::cout << "# unless " << image.runtime << " is there:\n"
                << FormatCommand(RuntimeBuildCommand(image, options)) << "\n";
    }
    std::cout << "# " << image.dockerfile_path.native() << ":\n";
    std::cout << image.dockerfile << FormatCommand(image.build_command) << "\n";
    if (!options.push) continue;
    for (const Words& command : PushCommands(image)) std::cout << FormatCommand(command) << "\n";
  }
  std::cout << std::flush;
}

absl::Status BuildImages(const std::vector<ContainerImage>& images, const Bundle& bundle,
                         const fs::path& home, const ContainerizeOptions& options) {
  for (const ContainerImage& image : images) RETURN_IF_ERROR(ProvideRuntime(image, options));
  for (const ContainerImage& image : images) {
    RETURN_IF_ERROR(FillContext(image, bundle, home));
    RETURN_IF_ERROR(RunDocker(image.build_command));
    std::error_code ignored;
    fs::remove_all(image.folder, ignored);  // Models are large.
  }
  if (options.push) {
    for (const ContainerImage& image : images) {
      for (const Words& command : PushCommands(image)) RETURN_IF_ERROR(RunDocker(command));
    }
  }
  for (const ContainerImage& image : images) {
    std::cout << "Built " << absl::StrJoin(image.tags, ", ") << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Containerize(const ContainerizeOptions& options) {
  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(options.bundle));
  BundleStore bundles(home);
  ASSIGN_OR_RETURN(const Bundle bundle, bundles.Get(tag));
  RETURN_IF_ERROR(bundles.Verify(bundle));
  RETURN_IF_ERROR(VerifyPinnedModels(bundle, store::ModelStore(home)));
  ContainerSettings settings = options.settings;
  settings.context = kDryRunContext;
  if (options.dry_run) {
    ASSIGN_OR_RETURN(const auto images, MakeContainerPlan(bundle, settings));
    PrintPlan(images, options);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckDocker());
  // On the store's disk, which has room for models.
  ASSIGN_OR_RETURN(const store::ScratchDirectory scratch, bundles.CreateScratch());
  settings.context = scratch.path();
  ASSIGN_OR_RETURN(const auto images, MakeContainerPlan(bundle, settings));
  return BuildImages(images, bundle, home, options);
}

}  // namespace chorus
