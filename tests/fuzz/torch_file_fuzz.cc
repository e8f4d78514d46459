// Input: a file of torch.save's. What is accepted lies in the file, strides and all.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "runner_server/weights/convert.h"
#include "runner_server/weights/torch_file.h"
#include "runner_server/weights/weight_map.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::runner {
namespace {

void CheckTensor(const StoredTensor& tensor, std::string_view file) {
  FUZZ_ASSERT(tensor.strides.empty() || tensor.strides.size() == tensor.shape.size());
  if (!tensor.data.empty()) {
    FUZZ_ASSERT(tensor.data.data() >= file.data());
    FUZZ_ASSERT(tensor.data.data() + tensor.data.size() <= file.data() + file.size());
  }
  const uint64_t size = DTypeSizeBytes(tensor.dtype);
  if (tensor.strides.empty()) {
    FUZZ_ASSERT(NumElements(tensor) * size == tensor.data.size());
  } else {
    uint64_t reach = 1;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      FUZZ_ASSERT(tensor.shape[i] > 0);
      reach += (tensor.shape[i] - 1) * tensor.strides[i];
    }
    FUZZ_ASSERT(reach * size == tensor.data.size());
  }
  constexpr uint64_t kMaxRead = 1 << 12;  // An expanded tensor has more elements than the file.
  if (IsConvertible(tensor.dtype) && NumElements(tensor) <= kMaxRead) {
    FUZZ_ASSERT(WeightView(tensor).ReadAll().size() == NumElements(tensor));
  }
}

}  // namespace
}  // namespace chorus::runner

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto tensors = chorus::runner::ReadTorchFile(file);
  if (!tensors.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(tensors.status()));
    return 0;
  }
  FUZZ_ASSERT(!tensors->empty());
  for (const auto& tensor : *tensors) chorus::runner::CheckTensor(tensor, file);
  return 0;
}
