#include "cli/serve/serve_work.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folder_files.h"
#include "base/status_macros.h"
#include "bundles/bundle_store.h"
#include "bundles/chorusfile.h"
#include "bundles/pinned_models.h"
#include "bundles/resources.h"
#include "cli/demo_store.h"
#include "cli/serve/runner_options.h"
#include "model_store/model_files.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

// `fault` is the error of the runner's model, if any. With --keep_going it is only noted, and the
// runner is not started.
absl::Status SetAside(const absl::Status& fault, const ServeOptions& options, RunnerSpec& runner) {
  if (fault.ok()) return fault;
  if (!options.keep_going) {
    return absl::Status(fault.code(), absl::StrCat(fault.message(), "; ", kKeepGoingAdvice));
  }
  runner.fault = std::string(fault.message());
  runner.num_replicas = 0;
  return absl::OkStatus();
}

// The model of one runner. `text` is a tag or a path.
absl::StatusOr<RunnerSpec> FindModel(const ServeOptions& options, const std::string& name,
                                     const std::string& text, const store::ModelStore& store) {
  const absl::StatusOr<store::ResolvedModel> model = ResolveModel(store, text);
  RunnerSpec runner{.name = name};
  if (model.ok()) {
    runner.model_directory = model->directory;
    if (model->tag) {
      runner.version = model->tag->version;
      // The version may be deleted, and another model saved as it.
      runner.content = model->content;
      runner.native_code = model->native_code;
    } else {
      runner.content = LookAtFolder(model->directory).state;
    }
    return runner;
  }
  const absl::Status fault(
      model.status().code(),
      absl::StrCat("no model for the graph's runner ", name, ": ", model.status().message(),
                   "; --model ", name, "=FOLDER names one"));
  if (!absl::IsDataLoss(fault) && !store::IsModelFolder(text)) return fault;  // There is none.
  RETURN_IF_ERROR(SetAside(fault, options, runner));
  return runner;
}

bool IsNamed(const GraphSummary& graph, const std::string& runner) {
  return std::ranges::find(graph.runners, runner) != graph.runners.end();
}

absl::Status ReadGraph(const fs::path& path, ServeWork& work) {
  work.graph_file = path;
  ASSIGN_OR_RETURN(work.graph, ReadGraphFile(path));
  return absl::OkStatus();
}

absl::StatusOr<ServeWork> FindGraphAndModels(const ServeOptions& options,
                                             const Installation& installation) {
  ServeWork work;
  fs::path graph_file = options.graph;
  if (graph_file.empty()) {
    ASSIGN_OR_RETURN(graph_file, installation.Data(kDefaultGraph));
  }
  RETURN_IF_ERROR(ReadGraph(graph_file, work));
  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  const store::ModelStore store(home);
  ASSIGN_OR_RETURN(ByRunner chosen, SplitByRunner("--model",
                                                  "MODEL, such as gpt2-generation="
                                                  "./gpt2",
                                                  options.models, work.graph.runners));
  ASSIGN_OR_RETURN(
      const auto also,
      ParseFurtherModels(options.also, options.also_may_be_named ? std::vector<std::string>()
                                                                 : work.graph.runners));
  chosen.insert(also.begin(), also.end());
  for (const std::string& name : work.graph.runners) {
    const auto it = chosen.find(name);
    ASSIGN_OR_RETURN(RunnerSpec runner,
                     FindModel(options, name, it != chosen.end() ? it->second : name, store));
    work.runners.push_back(std::move(runner));
  }
  for (const auto& [name, model] : also) {
    if (IsNamed(work.graph, name)) continue;
    ASSIGN_OR_RETURN(RunnerSpec runner, FindModel(options, name, model, store));
    work.runners.push_back(std::move(runner));
  }
  return work;
}

void SetResources(const config::v1::Resources& resources, RunnerSpec& runner) {
  if (resources.has_replicas() && runner.num_replicas > 0) {
    runner.num_replicas = static_cast<int>(resources.replicas());
  }
  if (resources.has_threads()) runner.num_threads = static_cast<int>(resources.threads());
  runner.flags = RunnerFlags(resources);
}

// Only what the bundle pins.
absl::StatusOr<ServeWork> FindBundle(const ServeOptions& options) {
  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(options.bundle));
  const BundleStore bundles(home);
  const absl::StatusOr<config::v1::Bundle> found = bundles.Get(tag);
  std::error_code ignored;
  if (absl::IsNotFound(found.status()) && fs::exists(options.bundle, ignored)) {
    return absl::NotFoundError(
        absl::StrCat(found.status().message(), "; the ",
                     fs::is_directory(options.bundle, ignored) ? "folder" : "file",
                     " is written ./", options.bundle));
  }
  RETURN_IF_ERROR(found.status());
  const config::v1::Bundle& bundle = *found;
  RETURN_IF_ERROR(bundles.Verify(bundle));  // Before what has changed is read.
  const store::ModelStore models(home);
  ServeWork work;
  RETURN_IF_ERROR(ReadGraph(bundles.Directory(TagOf(bundle)) / kGraphFileName, work));
  for (const config::v1::PinnedModel& model : bundle.models()) {
    RunnerSpec runner{model.runner(), TagOf(model).version, models.Directory(TagOf(model))};
    // As the store has it; whether that is what was pinned is CheckWork's concern.
    const absl::StatusOr<store::Manifest> manifest = models.Get(TagOf(model));
    if (manifest.ok()) {
      runner.content = store::ContentVersion(manifest->files);
      runner.native_code = store::NativeCodeOf(manifest->files);
    }
    SetResources(ResourcesOf(bundle.resources(), model.runner()), runner);
    work.runners.push_back(std::move(runner));
  }
  return work;
}

// What `chorus build` would make a bundle of.
absl::StatusOr<ServeWork> FindChorusfile(const ServeOptions& options) {
  std::error_code ignored;
  const fs::path path = options.bundle;
  ASSIGN_OR_RETURN(const Chorusfile file,
                   ReadChorusfile(fs::is_directory(path, ignored) ? path / kChorusfileName : path));
  ServeWork work;
  RETURN_IF_ERROR(ReadGraph(file.directory / file.spec.graph(), work));
  ASSIGN_OR_RETURN(const auto tags, ChooseModels(file, work.graph.runners));
  RETURN_IF_ERROR(CheckResources(file.spec.resources(), work.graph.runners, file.places));
  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  const store::ModelStore store(home);
  for (const std::string& name : work.graph.runners) {
    ASSIGN_OR_RETURN(RunnerSpec runner, FindModel(options, name, tags.at(name), store));
    SetResources(ResourcesOf(file.spec.resources(), name), runner);
    work.runners.push_back(std::move(runner));
  }
  return work;
}

// Whether the graph classifies with an encoder that has no classification head, or with what may be
// one with another task's.
bool LacksHead(const GraphSummary& graph, const RunnerSpec& runner) {
  const auto model = store::DescribeModel(runner.model_directory);
  if (!model.ok()) return false;
  const bool has_other = model->task.empty() && !model->architecture.empty();
  return (model->task == "embed" || has_other) &&
         !CheckTask(graph, runner.name, "embed", model->architecture).ok() &&
         CheckTask(graph, runner.name, "classify", "").ok();
}

// What the command line says of the runners wins.
absl::Status SetFlags(const ServeOptions& options, ServeWork& work) {
  std::vector<std::string> names;  // Those of --also are among them.
  for (const RunnerSpec& runner : work.runners) names.push_back(runner.name);
  std::optional<std::string> dtype;
  ASSIGN_OR_RETURN(const ByRunner dtypes,
                   SplitByRunner("--dtype", "DTYPE, such as gpt2-generation=int8", options.dtypes,
                                 names, &dtype));
  for (RunnerSpec& runner : work.runners) {
    for (size_t i = 0; i + 1 < options.runner_flags.size(); i += 2) {
      SetFlag(options.runner_flags[i], options.runner_flags[i + 1], runner.flags);
    }
    // A folder's is what the command line says.
    const std::string& native_code =
        runner.version.empty() ? options.native_code : runner.native_code;
    if (!native_code.empty()) SetFlag("--native_code", native_code, runner.flags);
    const auto own = dtypes.find(runner.name);
    if (own != dtypes.end()) {
      SetFlag("--dtype", own->second, runner.flags);
    } else if (dtype) {
      SetFlag("--dtype", *dtype, runner.flags);
    }
    if (options.num_threads) runner.num_threads = options.num_threads;
    if (options.untrained_head && LacksHead(work.graph, runner)) {
      SetFlag("--untrained_head", absl::StrCat(*options.untrained_head), runner.flags);
    }
  }
  return absl::OkStatus();
}

// Leaves the runners of --only, and the graph only if they are all of it.
absl::Status Select(const ServeOptions& options, ServeWork& work) {
  if (options.only.empty()) return absl::OkStatus();
  std::vector<std::string> names;  // Those of --also are among them.
  for (const RunnerSpec& runner : work.runners) names.push_back(runner.name);
  for (const std::string& name : options.only) RETURN_IF_ERROR(CheckRunner("--only", name, names));
  const auto is_left_out = [&](const RunnerSpec& runner) {
    return IsNamed(work.graph, runner.name) &&
           std::ranges::find(options.only, runner.name) == options.only.end();
  };
  if (std::erase_if(work.runners, is_left_out) == 0) return absl::OkStatus();
  work.graph_file.clear();
  return absl::OkStatus();
}

// A path has a slash, or is ".", as that of a model.
bool IsPath(const std::string& text) {
  return text.find('/') != std::string::npos || text == "." || text == "..";
}

}  // namespace

bool IsOfBundle(const ServeOptions& options) {
  return !options.bundle.empty() && !IsPath(options.bundle);
}

absl::StatusOr<ServeWork> FindWork(const ServeOptions& options, const Installation& installation) {
  absl::StatusOr<ServeWork> work = options.bundle.empty()
                                       ? FindGraphAndModels(options, installation)
                                   : IsPath(options.bundle) ? FindChorusfile(options)
                                                            : FindBundle(options);
  RETURN_IF_ERROR(work.status());
  RETURN_IF_ERROR(SetFlags(options, *work));
  RETURN_IF_ERROR(Select(options, *work));
  return work;
}

absl::Status CheckWork(const ServeOptions& options, ServeWork& work) {
  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  const store::ModelStore models(home);
  std::optional<config::v1::Bundle> bundle;
  if (IsOfBundle(options)) {
    const BundleStore bundles(home);
    ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(options.bundle));
    ASSIGN_OR_RETURN(bundle, bundles.Get(tag));
  }
  for (RunnerSpec& runner : work.runners) {
    if (runner.num_replicas == 0) continue;
    absl::Status fault;
    if (bundle) {
      for (const config::v1::PinnedModel& model : bundle->models()) {
        if (model.runner() == runner.name) fault = VerifyPinnedModel(model, *bundle, models);
      }
    } else if (!runner.version.empty()) {
      const fs::path name = runner.model_directory.parent_path().filename();
      fault = models.Verify({name.native(), runner.version});
    }
    RETURN_IF_ERROR(SetAside(fault, options, runner));
    if (runner.num_replicas == 0) continue;
    const auto model = store::DescribeModel(runner.model_directory);
    if (!model.ok()) continue;  // The runner says what is wrong with it.
    if (!IsNamed(work.graph, runner.name)) {
      work.further_kinds[runner.name] = {model->task, model->architecture};
    }
    const absl::Status status =
        CheckTask(work.graph, runner.name, model->task, model->architecture);
    if (status.ok()) continue;
    const bool lacks_head = LacksHead(work.graph, runner);
    if (lacks_head && options.untrained_head) continue;
    return absl::Status(
        status.code(),
        absl::StrCat(status.message(), "; --model ", runner.name, "=FOLDER names another",
                     lacks_head ? ", and --untrained_head SEED gives this one a classification "
                                  "head of random weights, whose scores mean nothing"
                                : ""));
  }
  return absl::OkStatus();
}

absl::Status CheckUntrainedHead(const ServeOptions& options, const ServeWork& work) {
  if (!options.untrained_head) return absl::OkStatus();
  for (const RunnerSpec& runner : work.runners) {
    if (std::ranges::find(runner.flags, "--untrained_head") != runner.flags.end()) {
      return absl::OkStatus();
    }
    // The runner says what is wrong with it.
    if (!store::DescribeModel(runner.model_directory).ok()) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "--untrained_head: no classifier of the graph lacks a classification head; leave the flag "
      "away");
}

}  // namespace chorus
