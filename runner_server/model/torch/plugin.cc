// What libchorus_torch.so has to offer: find_executor.cc finds ChorusTorchExecutor in it.
#include <dlfcn.h>

#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/model/executor.h"
#include "runner_server/model/torch/compiled_decoder.h"
#include "runner_server/model/torch/compiled_encoder.h"
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

// Throws c10::Error if it is no device's name. INVALID_ARGUMENT if there is no such device.
absl::StatusOr<at::Device> DeviceOf(const Executor::Options& options) {
  at::Device device(options.device);
  if (device.is_cpu()) return device;
  if (!device.has_index()) device.set_index(0);
  const int count = c10::impl::hasDeviceGuardImpl(device.type())
                        ? c10::impl::getDeviceGuardImpl(device.type())->deviceCount()
                        : 0;
  if (device.index() < count) return device;
  return absl::InvalidArgumentError(absl::StrCat(
      "--device ", options.device, ": this libtorch finds ", count, " such devices here; ",
      "is it one for that device, and its driver there? docs/gpu.md tells more"));
}

// Native code of a model takes libtorch's symbols from its process; so far this library alone sees
// them.
void ShowLibtorch() {
  for (const char* library : {"libtorch_cpu.so", "libtorch_cuda.so"}) {
    dlopen(library, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);  // Which may have no CUDA.
  }
}

// Whether the code was compiled for this libtorch and the device.
absl::Status CheckFits(const CompiledModel& model, const at::Device& device) {
  if (model.torch_version != TORCH_VERSION) {
    return absl::FailedPreconditionError(absl::StrCat(
        model.file.string(), " was compiled for libtorch ", model.torch_version,
        ", and this runner has ", TORCH_VERSION, ": compile it with torch==", TORCH_VERSION));
  }
  if (at::Device(model.device).type() != device.type()) {
    return absl::FailedPreconditionError(absl::StrCat(model.file.string(),
                                                      " was compiled for --device ", model.device,
                                                      ", not for ", device.str()));
  }
  return absl::OkStatus();
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

  absl::StatusOr<AnyModel> OpenCompiled(const CompiledModel& model,
                                        std::span<const StoredTensor> weights,
                                        const Options& options) const override {
    const auto open = [&]() -> absl::StatusOr<AnyModel> {
      ASSIGN_OR_RETURN(const at::Device device, DeviceOf(options));
      ASSIGN_OR_RETURN(const at::ScalarType dtype, DtypeOf(options.precision));
      RETURN_IF_ERROR(CheckFits(model, device));
      ShowLibtorch();
      at::set_num_threads(options.num_threads);
      if (!model.decoder.has_value()) {
        return std::make_unique<CompiledEncoder>(model, weights, device, options.num_threads);
      }
      auto decoder = std::make_unique<CompiledDecoder>(model, weights, dtype, device);
      return std::make_unique<TorchGenerator>(std::move(decoder), options);
    };
    return WithStatus(options, model.file.string(), open);
  }

 private:
  template <typename Model, typename MakeModel>
  static absl::StatusOr<std::unique_ptr<Model>> Make(const Architecture& architecture,
                                                     const WeightSource& weights,
                                                     const Options& options, MakeModel make) {
    const absl::StatusOr<at::ScalarType> dtype = DtypeOf(options.precision);
    if (!dtype.ok()) return dtype.status();
    const auto load = [&]() -> absl::StatusOr<std::unique_ptr<Model>> {
      ASSIGN_OR_RETURN(const at::Device device, DeviceOf(options));
      at::set_num_threads(options.num_threads);
      auto transformer = std::make_unique<TorchTransformer>(
          architecture, TorchWeights::Read(architecture, weights, *dtype, device), *dtype, device);
      return std::unique_ptr<Model>(make(std::move(transformer)));
    };
    return WithStatus(options, "--device " + options.device, load);
  }

  // What `make` returns, or its exception's status; `subject` begins the message.
  template <typename Make>
  static auto WithStatus(const Options& options, const std::string& subject, Make make)
      -> decltype(make()) {
    const c10::InferenceMode no_gradients;
    try {
      return make();
    } catch (const c10::OutOfMemoryError& error) {
      return absl::ResourceExhaustedError(absl::StrCat(
          options.device, " has no memory for the model: ", error.what_without_backtrace(),
          "; a narrower --dtype, a smaller --max_sequences and --kv_cache_bytes take less"));
    } catch (const c10::Error& error) {
      return absl::InvalidArgumentError(
          absl::StrCat(subject, ": ", error.what_without_backtrace()));
    } catch (const std::runtime_error& error) {
      return absl::InvalidArgumentError(absl::StrCat(subject, ": ", error.what()));
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
