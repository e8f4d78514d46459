#include "runner_server/weights/pickle_calls.h"

#include <cstddef>
#include <iterator>

#include "absl/status/status.h"
#include "base/status_macros.h"

namespace chorus::runner {
namespace {

enum class Role { kOrderedDict, kRebuildTensor, kRebuildParameter, kStorage };
struct GlobalRow {
  std::string_view module;
  std::string_view name;
  Role role;
  DType dtype = DType::kF32;  // Of a storage.
};
constexpr GlobalRow kGlobals[] = {
    {"collections", "OrderedDict", Role::kOrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", Role::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", Role::kRebuildParameter},
    {"torch", "FloatStorage", Role::kStorage, DType::kF32},
    {"torch", "HalfStorage", Role::kStorage, DType::kF16},
    {"torch", "BFloat16Storage", Role::kStorage, DType::kBF16},
    {"torch", "DoubleStorage", Role::kStorage, DType::kF64},
    {"torch", "LongStorage", Role::kStorage, DType::kI64},
    {"torch", "IntStorage", Role::kStorage, DType::kI32},
    {"torch", "ShortStorage", Role::kStorage, DType::kI16},
    {"torch", "CharStorage", Role::kStorage, DType::kI8},
    {"torch", "ByteStorage", Role::kStorage, DType::kU8},
    {"torch", "BoolStorage", Role::kStorage, DType::kBool},
    {"torch", "ComplexFloatStorage", Role::kStorage, DType::kC64},
    {"torch", "ComplexDoubleStorage", Role::kStorage, DType::kC128},
};

// (storage, offset, shape, strides, requires_grad, backward_hooks[, metadata])
absl::StatusOr<PickleValue> Tensor(const Pickle& pickle, const PickleTuple& arguments) {
  if (arguments.size() != 6 && arguments.size() != 7) {
    return absl::InvalidArgumentError("a tensor lacks values");
  }
  const auto* offset = pickle.As<int64_t>(arguments[1]);
  const auto shape = PickledExtents(pickle, arguments[2]);
  const auto strides = PickledExtents(pickle, arguments[3]);
  if (pickle.As<PickledStorage>(arguments[0]) == nullptr || offset == nullptr || *offset < 0 ||
      !shape || !strides || shape->size() != strides->size()) {
    return absl::InvalidArgumentError(
        "a tensor is not made of a storage, an offset, a shape and strides");
  }
  return PickledTensor{.storage = arguments[0],
                       .offset = static_cast<uint64_t>(*offset),
                       .shape = arguments[2],
                       .strides = arguments[3]};
}

// (tensor, requires_grad, backward_hooks)
absl::StatusOr<PickleValue> Parameter(const Pickle& pickle, const PickleTuple& arguments) {
  const auto* tensor = arguments.size() == 3 ? pickle.As<PickledTensor>(arguments[0]) : nullptr;
  if (tensor == nullptr) {
    return absl::InvalidArgumentError("a parameter is not made of a tensor");
  }
  return *tensor;
}

}  // namespace

std::optional<PickleGlobal> FindPickleGlobal(std::string_view module, std::string_view name) {
  for (size_t row = 0; row < std::size(kGlobals); ++row) {
    if (kGlobals[row].module == module && kGlobals[row].name == name) {
      return PickleGlobal{static_cast<int>(row)};
    }
  }
  return std::nullopt;
}

// ('storage', type, key, location, number of elements), and before torch 1.6 a view of it.
absl::StatusOr<PickleValue> PersistentValue(const Pickle& pickle, PickleId id) {
  const absl::Status unknown = absl::InvalidArgumentError("a storage is named in no known way");
  const auto* parts = pickle.As<PickleTuple>(id);
  if (parts == nullptr || (parts->size() != 5 && parts->size() != 6)) return unknown;
  const auto* kind = pickle.As<std::string_view>((*parts)[0]);
  const auto* type = pickle.As<PickleGlobal>((*parts)[1]);
  const auto* key = pickle.As<std::string_view>((*parts)[2]);
  const auto* size = pickle.As<int64_t>((*parts)[4]);
  const bool is_whole = parts->size() == 5 || pickle.As<std::monostate>((*parts)[5]) != nullptr;
  if (kind == nullptr || *kind != "storage" || type == nullptr ||
      kGlobals[type->row].role != Role::kStorage || key == nullptr || size == nullptr ||
      *size < 0 || !is_whole) {
    return unknown;
  }
  return PickledStorage{.key = *key,
                        .dtype = kGlobals[type->row].dtype,
                        .num_elements = static_cast<uint64_t>(*size)};
}

absl::StatusOr<PickleValue> CallResult(const Pickle& pickle, PickleId function,
                                       PickleId arguments) {
  const auto* global = pickle.As<PickleGlobal>(function);
  const auto* tuple = pickle.As<PickleTuple>(arguments);
  if (global == nullptr || tuple == nullptr) {
    return absl::InvalidArgumentError("what is called is no function");
  }
  switch (kGlobals[global->row].role) {
    case Role::kOrderedDict:
      if (!tuple->empty()) return absl::InvalidArgumentError("an OrderedDict is made of something");
      return PickleDict();
    case Role::kRebuildTensor:
      return Tensor(pickle, *tuple);
    case Role::kRebuildParameter:
      return Parameter(pickle, *tuple);
    case Role::kStorage:
      break;
  }
  return absl::InvalidArgumentError("a storage is called");
}

std::optional<std::vector<uint64_t>> PickledExtents(const Pickle& pickle, PickleId id) {
  constexpr size_t kMaxDimensions = 16;
  const auto* tuple = pickle.As<PickleTuple>(id);
  if (tuple == nullptr || tuple->size() > kMaxDimensions) return std::nullopt;
  std::vector<uint64_t> extents;
  for (const PickleId item : *tuple) {
    const auto* number = pickle.As<int64_t>(item);
    if (number == nullptr || *number < 0) return std::nullopt;
    extents.push_back(static_cast<uint64_t>(*number));
  }
  return extents;
}

}  // namespace chorus::runner
