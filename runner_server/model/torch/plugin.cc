// What libchorus_torch.so has to offer: find_executor.cc finds ChorusTorchExecutor in it.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runner_server/model/executor.h"
#include "runner_server/model/torch/torch_encoder.h"
#include "runner_server/model/torch/torch_generator.h"

namespace chorus::runner {
namespace {

absl::StatusOr<at::ScalarType> DtypeOf(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return at::kFloat;
    case Precision::kBfloat16:
      return at::kBFloat16;
    case Precision::kFloat16:
      return at::kHalf;
    default:
      return absl::InvalidArgumentError(
          "libtorch's executor has the dtypes float32, bfloat16 and float16; int8 and "
          "int8_weight_only are those of --executor native");
  }
}

class TorchExecutor : public Executor {
 public:
  std::string_view name() const override { return "torch"; }
  Precision auto_precision(std::string_view device) const override {
    return device == "cpu" ? Precision::kFloat32 : Precision::kBfloat16;
  }

  absl::StatusOr<std::unique_ptr<LanguageModel>> MakeGenerator(
      const Architecture& architecture, const WeightSource& weights,
      const Options& options) const override {
    return Make<LanguageModel>(architecture, weights, options, [&](auto transformer) {
      return std::make_unique<TorchGenerator>(std::move(transformer), options);
    });
  }

  absl::StatusOr<std::unique_ptr<SequenceEncoder>> MakeEncoder(
      const Architecture& architecture, const WeightSource& weights,
      const Options& options) const override {
    return Make<SequenceEncoder>(architecture, weights, options, [&](auto transformer) {
      return std::make_unique<TorchEncoder>(std::move(transformer), options);
    });
  }

 private:
  template <typename Model, typename MakeModel>
  static absl::StatusOr<std::unique_ptr<Model>> Make(const Architecture& architecture,
                                                     const WeightSource& weights,
                                                     const Options& options, MakeModel make) {
    const absl::StatusOr<at::ScalarType> dtype = DtypeOf(options.precision);
    if (!dtype.ok()) return dtype.status();
    const c10::InferenceMode no_gradients;
    try {
      at::Device device(options.device);
      if (!device.is_cpu()) {
        if (!device.has_index()) device.set_index(0);
        const int count = c10::impl::hasDeviceGuardImpl(device.type())
                              ? c10::impl::getDeviceGuardImpl(device.type())->deviceCount()
                              : 0;
        if (device.index() >= count) {
          return absl::InvalidArgumentError(absl::StrCat(
              "--device ", options.device, ": this libtorch finds ", count, " such devices here; ",
              "is it one for that device, and its driver there? docs/gpu.md tells more"));
        }
      }
      at::set_num_threads(options.num_threads);
      auto transformer = std::make_unique<TorchTransformer>(
          architecture, TorchWeights::Read(architecture, weights, *dtype, device), *dtype, device);
      return std::unique_ptr<Model>(make(std::move(transformer)));
    } catch (const c10::OutOfMemoryError& error) {
      return absl::ResourceExhaustedError(absl::StrCat(
          options.device, " has no memory for the model: ", error.what_without_backtrace(),
          "; a narrower --dtype, a smaller --max_sequences and --kv_cache_bytes take less"));
    } catch (const c10::Error& error) {
      return absl::InvalidArgumentError(
          absl::StrCat("--device ", options.device, ": ", error.what_without_backtrace()));
    }
  }
};

}  // namespace
}  // namespace chorus::runner

extern "C" __attribute__((visibility("default"))) const chorus::runner::Executor*
ChorusTorchExecutor() {
  static const chorus::runner::TorchExecutor executor;
  return &executor;
}
