#pragma once

// Owns a model from a Hugging Face directory with its tokenizer and engine.
//
// Thread safety: Load and destruction by one thread; engine() as Engine.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/engine/core_lease.h"
#include "runner_server/engine/engine.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/native_executor.h"
#include "runner_server/scheduler/queue_budget.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class ModelHost {
 public:
  struct Options {
    std::filesystem::path directory;
    std::string name;
    std::string version;
    const Executor* executor = &NativeExecutor();
    std::string device = "cpu";
    double memory_fraction = 0.9;
    Precision precision = Precision::kFloat32;
    std::optional<uint64_t> untrained_head;  // As ModelOptions's, likewise the next two.
    std::optional<Pooling> pooling;
    std::string native_code;
    int num_threads = 1;
    std::optional<CoreLease::Options> core_lease;  // Its num_cores: num_threads. Unset: none.
    int max_sequences = 32;           // KV slots of a generator, rows of a classifier's batch.
    int max_step_tokens = 512;        // In one forward pass. >= max_sequences.
    absl::Duration target_step_time;  // Of a generator, as Scheduler's. Zero: none.
    int64_t kv_cache_bytes = 0;       // Of a generator, as GenerationStepper's. 0: no cap.
    QueueBudget::Options queue;
  };

  // Loads and warms up; blocks until the engine has run once. `observer` must outlive the host.
  // RESOURCE_EXHAUSTED without memory or threads; else the errors of LoadModel, LoadTokenizer,
  // CheckTokenizer, CoreLease::Open and the engine.
  static absl::StatusOr<std::unique_ptr<ModelHost>> Load(const Options& options,
                                                         EngineObserver& observer);

  // Owned by this.
  Engine& engine() { return *engine_; }
  // What the log is to tell of the model, each empty if there is nothing.
  const std::string& generation_warning() const { return generation_warning_; }
  const std::string& ignored_head() const { return ignored_head_; }  // LoadedModel's other_head.

 private:
  ModelHost() = default;

  static absl::StatusOr<std::unique_ptr<ModelHost>> LoadAndStart(const Options& options,
                                                                 EngineObserver& observer);

  std::string generation_warning_;
  std::string ignored_head_;
  std::unique_ptr<CoreLease> core_lease_;  // Null: none.
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Engine> engine_;  // Uses both.
};

}  // namespace chorus::runner
