#include "model_store/hub/pull.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "cli/models/models.h"
#include "cli/models/pull_progress.h"
#include "cli/monotonic_clock.h"
#include "cli/table.h"
#include "model_store/hub/hub_environment.h"
#include "model_store/hub/hub_source.h"
#include "model_store/model_store.h"
#include "runner_server/model/architectures/read_architecture.h"
#include "runner_server/model/compiled_model.h"
#include "runner_server/model/generation_config.h"
#include "runner_server/model/sentence_modules.h"
#include "runner_server/tokenizer/load_tokenizer.h"
#include "runner_server/tokenizer/tokenizer_fit.h"

namespace chorus {
namespace {

absl::StatusOr<store::HubSource> ChooseSource(const PullModelOptions& options,
                                              const store::Tag& tag) {
  if (!options.from.empty()) return store::ParseHubSource(options.from);
  const std::optional<store::HubSource> source = store::DefaultHubSource(tag.name);
  if (source) return *source;
  return absl::InvalidArgumentError(
      absl::StrCat("which model is ", tag.name, "? Give it with --from ORG/NAME"));
}

// As the runner would say when it loads the model, by what it reads besides the weights.
absl::Status CheckServable(const std::filesystem::path& folder, bool has_all_but_weights) {
  ASSIGN_OR_RETURN(const std::optional<runner::CompiledModel> compiled,
                   runner::ReadCompiledModel(folder));
  if (compiled.has_value()) {
    return absl::FailedPreconditionError(
        "it is compiled, and native code is taken from no hub: compile the model that it was made "
        "of, with chorus.save_model(…, compile=True)");
  }
  ASSIGN_OR_RETURN(const runner::ModelArchitecture model, runner::ReadModelArchitecture(folder));
  RETURN_IF_ERROR(runner::CheckHead(folder, model));
  if (!has_all_but_weights) return absl::OkStatus();
  const runner::Architecture& architecture = model.architecture;
  const bool generates = std::holds_alternative<runner::LanguageModelHead>(architecture.head);
  if (generates) {
    RETURN_IF_ERROR(runner::ReadGenerationConfig(folder, architecture.vocab_size).status());
  } else if (model.row->is_headless) {
    RETURN_IF_ERROR(runner::ReadSentenceModules(folder, architecture.hidden_size).status());
  }
  ASSIGN_OR_RETURN(const auto tokenizer, runner::LoadTokenizer(folder));
  return runner::CheckTokenizer(folder, *tokenizer,
                                {.num_rows = architecture.vocab_size, .generates = generates});
}

absl::StatusOr<store::PullOptions> ReadOptions(const PullModelOptions& options) {
  store::PullOptions pull;
  ASSIGN_OR_RETURN(pull.tag, store::ParseTag(options.tag));
  ASSIGN_OR_RETURN(pull.source, ChooseSource(options, pull.tag));
  pull.sha256_pins = options.sha256_pins;
  pull.check = CheckServable;
  store::HttpClient::Options& http = pull.hub.http;
  http.endpoint = options.endpoint.empty() ? store::HubEndpoint() : options.endpoint;
  http.ca_file = store::CertificatesFile();
  http.user_agent = "chorus/" + options.chorus_version;
  ASSIGN_OR_RETURN(http.token, store::ReadHubToken());
  return pull;
}

std::string Describe(const store::PullResult& result) {
  const store::Manifest& model = result.manifest;
  const std::string source =
      model.source ? absl::StrCat(model.source->repository, "@", model.source->commit) : "";
  if (result.was_there) return absl::StrCat(model.tag.ToString(), " is there already: ", source);
  return absl::StrCat("Pulled ", model.tag.ToString(), ": ", FormatSize(model.size_bytes()),
                      " from ", source);
}

}  // namespace

absl::StatusOr<int> PullModel(const PullModelOptions& options) {
  ASSIGN_OR_RETURN(const store::PullOptions pull, ReadOptions(options));
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  // Without the demo models: this one may be all that a volume is to hold.
  store::ModelStore store(home);
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL raises it when a server has gone.
  const SignalStop stop;
  absl::StatusOr<store::PullResult> result;
  {
    PullProgress progress(std::cerr, ::isatty(STDERR_FILENO) == 1, MonotonicNow);
    result = Pull(store, pull, progress, stop.token());
  }
  if (absl::IsCancelled(result.status()) && stop.signal() != 0) {
    std::cerr << "chorus: stopped; the next pull goes on from here" << std::endl;
    return 128 + stop.signal();
  }
  RETURN_IF_ERROR(result.status());
  const std::string warning = runner::GenerationWarning(store.Directory(result->manifest.tag));
  if (!warning.empty()) std::cerr << "chorus: " << warning << std::endl;
  if (std::cout << Describe(*result) << std::endl) return 0;
  return absl::UnavailableError("cannot write to standard output");
}

}  // namespace chorus
