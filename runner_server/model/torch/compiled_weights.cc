#include "runner_server/model/torch/compiled_weights.h"

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

// What is before a weight's name in the code: save_model compiles a module that holds the model.
constexpr std::string_view kPrefix = "model.";

at::ScalarType TypeOf(const StoredTensor& tensor) {
  switch (tensor.dtype) {
    case DType::kBool:
      return at::kBool;
    case DType::kI32:
      return at::kInt;
    case DType::kI64:
      return at::kLong;
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    case DType::kF32:
      return at::kFloat;
    case DType::kF64:
      return at::kDouble;
    default:
      throw std::runtime_error(
          absl::StrCat("the weight ", absl::CEscape(tensor.name), " is of a type without use"));
  }
}

// A copy: what a file holds is not aligned.
at::Tensor Copy(const StoredTensor& tensor) {
  if (!tensor.strides.empty()) {
    throw std::runtime_error(
        absl::StrCat("the weight ", absl::CEscape(tensor.name), " is not stored row by row"));
  }
  const std::vector<int64_t> shape(tensor.shape.begin(), tensor.shape.end());
  const at::Tensor copy = at::empty(shape, TypeOf(tensor));
  std::memcpy(copy.mutable_data_ptr(), tensor.data.data(), tensor.data.size());
  return copy;
}

// The weights that the code asks for, by its names.
std::unordered_map<std::string, at::Tensor> FindWeights(const std::vector<std::string>& names,
                                                        const CompiledModel& model,
                                                        std::span<const StoredTensor> weights) {
  std::unordered_map<std::string_view, const StoredTensor*> by_name;
  for (const StoredTensor& tensor : weights) by_name[tensor.name] = &tensor;
  std::unordered_map<std::string, at::Tensor> found;
  for (const std::string& name : names) {
    std::string_view stored = name;
    if (stored.starts_with(kPrefix)) stored.remove_prefix(kPrefix.size());
    const auto same = model.same_weights.find(std::string(stored));
    const auto at = by_name.find(same == model.same_weights.end() ? stored : same->second);
    if (at == by_name.end()) {
      throw std::runtime_error(absl::StrCat("the weights lack ", absl::CEscape(AbslView(stored)),
                                            ", which the code asks for"));
    }
    found.emplace(name, Copy(*at->second));
  }
  return found;
}

}  // namespace

void LoadWeights(const CompiledModel& model, std::span<const StoredTensor> weights,
                 const at::Device& device, torch::inductor::AOTIModelPackageLoader& code) {
  auto constants = FindWeights(code.get_constant_fqns(), model, weights);
  code.load_constants(constants, /*use_inactive=*/false, /*check_full_update=*/true,
                      /*user_managed=*/false, /*allow_h2d_copy=*/!device.is_cpu());
}

}  // namespace chorus::runner
