#pragma once

// What computes an Architecture: Chorus's own kernels on the CPU, or libtorch on any device it
// knows (docs/decisions/0043-two-executors.md).
//
// Thread safety: immutable.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/compiled_model.h"
#include "runner_server/model/language_model.h"
#include "runner_server/model/sequence_encoder.h"
#include "runner_server/model/weight_source.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

using AnyModel = std::variant<std::unique_ptr<LanguageModel>, std::unique_ptr<SequenceEncoder>>;

class Executor {
 public:
  struct Options {
    Precision precision = Precision::kFloat32;
    int num_threads = 1;         // Compute threads of a CPU, the caller's included. >= 1.
    int num_kv_slots = 32;       // Sequences a generator can hold at once. >= 1.
    int64_t max_kv_bytes = 0;    // Cap on a generator's KV cache. 0: none.
    std::string device = "cpu";  // As libtorch spells it: "cuda", "cuda:1".
    // Of an accelerator's memory, what others have included, that may be in use with the KV cache.
    double memory_fraction = 0.9;
    // Steps that decode are padded to a few shapes, and an encoder's rows to the longest, on a CPU
    // too, which gains nothing but a test.
    bool fixed_shapes = false;
  };

  virtual ~Executor() = default;

  virtual std::string_view name() const = 0;  // "native" or "torch".

  // What is fastest on the device and costs no quality.
  virtual Precision auto_precision(std::string_view device) const = 0;

  // Of an architecture with a language model's head. INVALID_ARGUMENT names what is not to be had
  // on the device; RESOURCE_EXHAUSTED without memory, here and below. `weights` may go afterwards.
  virtual absl::StatusOr<std::unique_ptr<LanguageModel>> MakeGenerator(
      const Architecture& architecture, const WeightSource& weights,
      const Options& options) const = 0;

  // Of one with a classifier's or an embedder's.
  virtual absl::StatusOr<std::unique_ptr<SequenceEncoder>> MakeEncoder(
      const Architecture& architecture, const WeightSource& weights,
      const Options& options) const = 0;

  // Of native code, which runs from here on: CheckNativeCode comes first. FAILED_PRECONDITION if it
  // is for another libtorch or device.
  virtual absl::StatusOr<AnyModel> OpenCompiled(const CompiledModel& model,
                                                std::span<const StoredTensor> weights,
                                                const Options& options) const = 0;
};

}  // namespace chorus::runner
