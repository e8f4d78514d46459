#include "runner_server/model_host.h"

#include <utility>
#include <variant>

#include "base/status_macros.h"
#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "runner_server/tokenizer/load_tokenizer.h"

namespace chorus {

absl::StatusOr<std::unique_ptr<ModelHost>> ModelHost::Load(const Options& options,
                                                           EngineObserver& observer) {
  ASSIGN_OR_RETURN(LoadedModel loaded,
                   LoadModel(options.directory, {.precision = options.precision,
                                                 .num_threads = options.num_threads,
                                                 .num_kv_slots = options.max_sequences}));
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
  ASSIGN_OR_RETURN(
      classification_engine_,
      ClassificationEngine::Create(std::move(model), *word_piece_, observer,
                                   {.batch = {.max_batch_tokens = options.max_step_tokens,
                                              .max_batch_rows = options.max_sequences},
                                    .queue = options.queue,
                                    .core_lease = core_lease_.get()}));
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
