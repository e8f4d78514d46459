#include "runner_server/model/native_executor.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"
#include "runner_server/model/decoder.h"
#include "runner_server/model/encoder.h"
#include "runner_server/model/transformer.h"

namespace chorus::runner {
namespace {

class Native : public Executor {
 public:
  std::string_view name() const override { return "native"; }
  Precision auto_precision(std::string_view) const override { return Kernels().auto_precision; }

  absl::StatusOr<std::unique_ptr<LanguageModel>> MakeGenerator(
      const Architecture& architecture, const WeightSource& weights,
      const Options& options) const override {
    ASSIGN_OR_RETURN(std::unique_ptr<Transformer> transformer,
                     Load(architecture, weights, options));
    return Decoder::Create(std::move(transformer), options.num_kv_slots, options.max_kv_bytes);
  }

  absl::StatusOr<std::unique_ptr<SequenceEncoder>> MakeEncoder(
      const Architecture& architecture, const WeightSource& weights,
      const Options& options) const override {
    ASSIGN_OR_RETURN(std::unique_ptr<Transformer> transformer,
                     Load(architecture, weights, options));
    return std::make_unique<Encoder>(std::move(transformer));
  }

  absl::StatusOr<AnyModel> OpenCompiled(const CompiledModel& model, std::span<const StoredTensor>,
                                        const Options&) const override {
    return absl::InvalidArgumentError(
        absl::StrCat(model.file.string(), " takes --executor torch, which auto is for it"));
  }

 private:
  static absl::StatusOr<std::unique_ptr<Transformer>> Load(const Architecture& architecture,
                                                           const WeightSource& weights,
                                                           const Options& options) {
    if (options.device != "cpu") {
      return absl::InvalidArgumentError(
          absl::StrCat("--executor native runs on the cpu alone: --device ", options.device,
                       " takes --executor torch"));
    }
    if (options.precision == Precision::kFloat16) {
      return absl::InvalidArgumentError(
          "--dtype float16 takes --executor torch; the nearest of --executor native is bfloat16");
    }
    return Transformer::Load(architecture, weights, options.precision, options.num_threads);
  }
};

}  // namespace

const Executor& NativeExecutor() {
  static const Native executor;
  return executor;
}

}  // namespace chorus::runner
