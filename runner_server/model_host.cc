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
#include "runner_server/model/load_model.h"
#include "runner_server/tokenizer/load_tokenizer.h"

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
                   .architecture = std::move(loaded.architecture),
                   .dtype = std::string(DtypeName(options.precision))};
  if (auto* generator = std::get_if<std::unique_ptr<LanguageModel>>(&loaded.model)) {
    RETURN_IF_ERROR(host->StartGenerator(std::move(*generator), loaded.bos_token_id,
                                         loaded.eos_token_id, options, observer));
  } else {
    RETURN_IF_ERROR(host->StartClassifier(
        std::get<std::unique_ptr<SequenceClassifier>>(std::move(loaded.model)), options, observer));
  }
  return host;
}

absl::Status ModelHost::StartGenerator(std::unique_ptr<LanguageModel> model, int32_t bos_token_id,
                                       int32_t eos_token_id, const Options& options,
                                       EngineObserver& observer) {
  ASSIGN_OR_RETURN(byte_level_bpe_, LoadByteLevelBpe(options.directory));
  RETURN_IF_ERROR(
      CheckVocabularySize(options.directory, byte_level_bpe_->vocab_size(), model->vocab_size()));
  ASSIGN_OR_RETURN(
      generation_engine_,
      GenerationEngine::Create(std::move(model), *byte_level_bpe_, *byte_level_bpe_, observer,
                               {.schedule = {.max_step_tokens = options.max_step_tokens,
                                             .target_step_time = options.target_step_time},
                                .kv_cache_bytes = options.kv_cache_bytes,
                                .queue = options.queue,
                                .core_lease = core_lease_.get(),
                                .bos_token_id = bos_token_id,
                                .eos_token_id = eos_token_id}));
  hosted_.engine = generation_engine_.get();
  return generation_engine_->WarmUp();
}

absl::Status ModelHost::StartClassifier(std::unique_ptr<SequenceClassifier> model,
                                        const Options& options, EngineObserver& observer) {
  ASSIGN_OR_RETURN(word_piece_, LoadWordPiece(options.directory));
  RETURN_IF_ERROR(
      CheckVocabularySize(options.directory, word_piece_->vocab_size(), model->vocab_size()));
  ASSIGN_OR_RETURN(
      classification_engine_,
      ClassificationEngine::Create(std::move(model), *word_piece_, observer,
                                   {.batch = {.max_batch_tokens = options.max_step_tokens,
                                              .max_batch_rows = options.max_sequences},
                                    .queue = options.queue,
                                    .core_lease = core_lease_.get(),
                                    .max_text_tokens = word_piece_->model_max_length()}));
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
