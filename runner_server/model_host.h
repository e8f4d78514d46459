#pragma once

// A model from a Hugging Face directory, with its tokenizer and its engine, ready to serve.
//
// Thread safety: as the engine's; Drain and Join by one thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/engine/classification_engine.h"
#include "runner_server/engine/core_lease.h"
#include "runner_server/engine/engine_load.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/generation_engine.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/load_model.h"
#include "runner_server/scheduler/queue_budget.h"
#include "runner_server/service/hosted_model.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus {

class ModelHost {
 public:
  struct Options {
    std::filesystem::path directory;
    std::string name;
    std::string version;
    Precision precision = Precision::kFloat32;
    int num_threads = 1;
    std::optional<CoreLease::Options> core_lease;  // Its num_cores: num_threads. Unset: none.
    int max_sequences = 32;           // KV slots of a generator, rows of a classifier's batch.
    int max_step_tokens = 512;        // In one forward pass. >= max_sequences.
    absl::Duration target_step_time;  // Of a generator, as Scheduler's. Zero: none.
    int64_t kv_cache_bytes = 0;       // Of a generator, as GenerationStepper's. 0: no cap.
    QueueBudget::Options queue;
  };

  // Loads and warms up; blocks until the engine has run once. `observer` must outlive the host.
  // RESOURCE_EXHAUSTED without memory or threads; other errors are those of LoadModel,
  // the tokenizer's loader and CoreLease::Open, or the engine's; INVALID_ARGUMENT with
  // both numbers where the vocabulary is smaller than the model's embedding by more than padding.
  static absl::StatusOr<std::unique_ptr<ModelHost>> Load(const Options& options,
                                                         EngineObserver& observer);

  // For a RunnerService. Lives as long as this.
  const HostedModel& hosted() const { return hosted_; }
  EngineLoad load() const;

  // As the engine's.
  void Drain(absl::Time until);
  void Join();

 private:
  ModelHost() = default;

  static absl::StatusOr<std::unique_ptr<ModelHost>> LoadAndStart(const Options& options,
                                                                 EngineObserver& observer);
  absl::Status StartGenerator(LoadedModel loaded, const Options& options, EngineObserver& observer);
  absl::Status StartClassifier(LoadedModel loaded, const Options& options,
                               EngineObserver& observer);

  std::unique_ptr<CoreLease> core_lease_;  // Null: none. The engine uses it.
  std::unique_ptr<Tokenizer> tokenizer_;
  // One of the two; it is destroyed before the tokenizer it uses.
  std::unique_ptr<GenerationEngine> generation_engine_;
  std::unique_ptr<ClassificationEngine> classification_engine_;
  HostedModel hosted_;
};

}  // namespace chorus
