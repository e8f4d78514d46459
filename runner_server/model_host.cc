#include "runner_server/model_host.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/model/dtype.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus {
namespace {

// The embedding may have rows that no token uses, up to a multiple of a power of two: models are
// padded so for speed. Any other gap is a vocabulary that has been cut short, or another model's.
absl::Status CheckVocabularySize(const std::filesystem::path& directory, int num_tokens,
                                 int num_rows) {
  constexpr int kLeastMultiple = 8;
  constexpr int kMostMultiple = 1024;
  const int multiple = num_rows & -num_rows;  // The largest power of two that num_rows is one of.
  const int most_padding = multiple < kLeastMultiple ? 0 : std::min(multiple, kMostMultiple) - 1;
  if (num_rows - num_tokens <= most_padding) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      directory.native(), ": the vocabulary has ", num_tokens, " tokens, and vocab_size in ",
      "config.json is ", num_rows, ", which padding does not explain: the vocabulary has been cut ",
      "short, or is another model's; fetch its files again"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelHost>> ModelHost::Load(const Options& options,
                                                           EngineObserver& observer) {
  try {
    return LoadAndStart(options, observer);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "no memory to load the model: --dtype int8, a smaller --max_sequences and --kv_cache_bytes "
        "take less; or raise the limit (ulimit -v)");
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start the compute threads: ", error.what(),
                     "; give a smaller --threads, or raise the limit (ulimit -v, ulimit -u)"));
  }
}

absl::StatusOr<std::unique_ptr<ModelHost>> ModelHost::LoadAndStart(const Options& options,
                                                                   EngineObserver& observer) {
  ASSIGN_OR_RETURN(LoadedModel loaded,
                   LoadModel(options.directory, {.precision = options.precision,
                                                 .num_threads = options.num_threads,
                                                 .num_kv_slots = options.max_sequences,
                                                 .max_kv_bytes = options.kv_cache_bytes}));
  std::unique_ptr<ModelHost> host(new ModelHost());
  if (options.core_lease.has_value()) {
    ASSIGN_OR_RETURN(host->core_lease_, CoreLease::Open(*options.core_lease));
  }
  host->hosted_ = {.name = options.name,
                   .version = options.version,
                   .architecture = std::string(loaded.architecture->name),
                   .dtype = std::string(DtypeName(options.precision)),
                   .batch_invariant = std::visit(
                       [](const auto& model) { return model->batch_invariant(); }, loaded.model)};
  ASSIGN_OR_RETURN(host->tokenizer_, loaded.architecture->load_tokenizer(options.directory));
  const int vocab_size =
      std::visit([](const auto& model) { return model->vocab_size(); }, loaded.model);
  RETURN_IF_ERROR(
      CheckVocabularySize(options.directory, host->tokenizer_->vocab_size(), vocab_size));
  const bool generates = std::holds_alternative<std::unique_ptr<LanguageModel>>(loaded.model);
  RETURN_IF_ERROR(generates ? host->StartGenerator(std::move(loaded), options, observer)
                            : host->StartClassifier(std::move(loaded), options, observer));
  return host;
}

absl::Status ModelHost::StartGenerator(LoadedModel loaded, const Options& options,
                                       EngineObserver& observer) {
  const TokenBytes* bytes = tokenizer_->bytes();
  if (bytes == nullptr) {
    return absl::InternalError("a model that generates needs a tokenizer of bytes");
  }
  ASSIGN_OR_RETURN(
      generation_engine_,
      GenerationEngine::Create(std::get<std::unique_ptr<LanguageModel>>(std::move(loaded.model)),
                               *tokenizer_, *bytes, observer,
                               {.schedule = {.max_step_tokens = options.max_step_tokens,
                                             .target_step_time = options.target_step_time},
                                .kv_cache_bytes = options.kv_cache_bytes,
                                .queue = options.queue,
                                .core_lease = core_lease_.get(),
                                .bos_token_id = loaded.bos_token_id,
                                .eos_token_id = loaded.eos_token_id}));
  hosted_.engine = generation_engine_.get();
  return generation_engine_->WarmUp();
}

absl::Status ModelHost::StartClassifier(LoadedModel loaded, const Options& options,
                                        EngineObserver& observer) {
  ASSIGN_OR_RETURN(classification_engine_,
                   ClassificationEngine::Create(
                       std::get<std::unique_ptr<SequenceClassifier>>(std::move(loaded.model)),
                       *tokenizer_, observer,
                       {.batch = {.max_batch_tokens = options.max_step_tokens,
                                  .max_batch_rows = options.max_sequences},
                        .queue = options.queue,
                        .core_lease = core_lease_.get(),
                        .max_text_tokens = tokenizer_->model_max_length()}));
  hosted_.engine = classification_engine_.get();
  return classification_engine_->WarmUp();
}

EngineLoad ModelHost::load() const {
  return std::visit([](const auto* engine) { return engine->load(); }, hosted_.engine);
}

void ModelHost::Drain(absl::Time until) {
  std::visit([&](auto* engine) { engine->Drain(until); }, hosted_.engine);
}

void ModelHost::Join() {
  std::visit([](auto* engine) { engine->Join(); }, hosted_.engine);
}

}  // namespace chorus
