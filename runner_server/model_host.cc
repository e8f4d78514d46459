#include "runner_server/model_host.h"

#include <glog/logging.h>

#include <climits>
#include <new>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/engine/encoder_stepper.h"
#include "runner_server/engine/generation_stepper.h"
#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "runner_server/tokenizer/load_tokenizer.h"
#include "runner_server/tokenizer/tokenizer_fit.h"

namespace chorus::runner {
namespace {

// Creates the engine of a loaded model, an overload for each kind.

absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(
    std::unique_ptr<LanguageModel> model, const LoadedModel& loaded, const Tokenizer& tokenizer,
    EngineObserver& observer, const ModelHost::Options& options, const Engine::Options& engine) {
  ASSIGN_OR_RETURN(auto stepper, GenerationStepper::Create(
                                     std::move(model), tokenizer, observer,
                                     {.schedule = {.max_step_tokens = options.max_step_tokens,
                                                   .target_step_time = options.target_step_time},
                                      .kv_cache_bytes = options.kv_cache_bytes,
                                      .num_threads = options.num_threads,
                                      .bos_token_id = loaded.bos_token_id,
                                      .eos_token_ids = loaded.eos_token_ids,
                                      .defaults = loaded.defaults}));
  return std::make_unique<GenerationEngine>(std::move(stepper), observer, engine);
}

template <typename Stepper>
absl::StatusOr<std::unique_ptr<Engine>> MakeEncoderEngine(
    std::unique_ptr<SequenceEncoder> model, int max_text_tokens, const Tokenizer& tokenizer,
    EngineObserver& observer, const ModelHost::Options& options, const Engine::Options& engine) {
  ASSIGN_OR_RETURN(auto stepper,
                   Stepper::Create(std::move(model), tokenizer, observer,
                                   {.batch = {.max_batch_tokens = options.max_step_tokens,
                                              .max_batch_rows = options.max_sequences},
                                    .max_text_tokens = max_text_tokens}));
  return std::make_unique<EngineOf<Stepper>>(std::move(stepper), observer, engine);
}

absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(
    std::unique_ptr<SequenceEncoder> model, const LoadedModel& loaded, const Tokenizer& tokenizer,
    EngineObserver& observer, const ModelHost::Options& options, const Engine::Options& engine) {
  const auto make = std::holds_alternative<EmbeddingHead>(model->head())
                        ? MakeEncoderEngine<EmbeddingStepper>
                        : MakeEncoderEngine<ClassificationStepper>;
  // As in sentence-transformers the bound of the model's steps comes before the tokenizer's.
  const int max_text_tokens =
      loaded.max_text_tokens != INT_MAX ? loaded.max_text_tokens : tokenizer.model_max_length();
  return make(std::move(model), max_text_tokens, tokenizer, observer, options, engine);
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
                   LoadModel(options.directory, {.executor = options.executor,
                                                 .device = options.device,
                                                 .memory_fraction = options.memory_fraction,
                                                 .precision = options.precision,
                                                 .num_threads = options.num_threads,
                                                 .untrained_head = options.untrained_head,
                                                 .pooling = options.pooling,
                                                 .num_kv_slots = options.max_sequences,
                                                 .max_kv_bytes = options.kv_cache_bytes,
                                                 .native_code = options.native_code}));
  std::unique_ptr<ModelHost> host(new ModelHost());
  host->generation_warning_ = loaded.generation_warning;
  host->ignored_head_ = loaded.other_head;
  if (options.core_lease.has_value()) {
    ASSIGN_OR_RETURN(host->core_lease_, CoreLease::Open(*options.core_lease));
  }
  ASSIGN_OR_RETURN(host->tokenizer_, LoadTokenizer(options.directory));
  const int num_rows =
      std::visit([](const auto& model) { return model->vocab_size(); }, loaded.model);
  RETURN_IF_ERROR(CheckTokenizer(
      options.directory, *host->tokenizer_,
      {.num_rows = num_rows,
       .generates = std::holds_alternative<std::unique_ptr<LanguageModel>>(loaded.model)}));
  if (host->tokenizer_->vocab_size() > num_rows) {
    LOG(WARNING) << "event=tokens_without_rows model=" << options.name
                 << " vocabulary=" << host->tokenizer_->vocab_size() << " vocab_size=" << num_rows
                 << ": a text with a token past the model's embedding is refused";
  } else if (host->tokenizer_->vocab_size() < num_rows) {
    LOG(INFO) << "event=rows_without_tokens model=" << options.name
              << " vocabulary=" << host->tokenizer_->vocab_size() << " vocab_size=" << num_rows
              << ": " << num_rows - host->tokenizer_->vocab_size()
              << " rows of the embedding have no token, and are never chosen";
  }
  Engine::Options engine = {.queue = options.queue, .core_lease = host->core_lease_.get()};
  engine.info.set_name(options.name);
  engine.info.set_version(options.version);
  engine.info.set_architecture(loaded.other_head.empty() ? loaded.architecture : loaded.other_head);
  engine.info.set_dtype(std::string(DtypeName(options.precision)));
  engine.info.set_executor(std::string(options.executor->name()));
  engine.info.set_device(options.device);
  ASSIGN_OR_RETURN(host->engine_, std::visit(
                                      [&](auto& model) {
                                        return MakeEngine(std::move(model), loaded,
                                                          *host->tokenizer_, observer, options,
                                                          engine);
                                      },
                                      loaded.model));
  RETURN_IF_ERROR(host->engine_->WarmUp());
  return host;
}

}  // namespace chorus::runner
