#pragma once

// Reads what torch.save writes of a state dict, in Python's pickle format, and nothing else.
//
// A pickle is a program for a small machine, which may name any function to be called. This machine
// has no calls: it knows the opcodes that make numbers, strings and containers, and the few names
// of the table in pickle.cc, which stand for tensors, storages and ordered dicts. It refuses every
// other opcode and name. Values are descriptions; nothing is executed, imported or followed.
//
// Memory is bounded by the pickle's size, whose bound is the caller's; nothing recurses.
//
// Sources: CPython's Lib/pickletools.py (opcodes), torch/serialization.py (persistent ids),
// torch/_utils.py (the arguments of _rebuild_tensor_v2).
//
// Thread safety: plain values and a function without state.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

// The bytes of tensors, which lie outside the pickle.
struct PickledStorage {
  std::string_view key;  // Names the bytes.
  DType dtype = DType::kF32;
  uint64_t num_elements = 0;
};

// A value of the machine. Those that are made of others hold them by number in Pickle::values, so
// that one may be in several, or in itself.
using PickleId = uint32_t;
struct PickleTuple : std::vector<PickleId> {};
struct PickleList : std::vector<PickleId> {};
struct PickleDict : std::vector<std::pair<PickleId, PickleId>> {};  // As set; keys may repeat.
struct PickleGlobal {
  int row;  // Of the table of names.
};
struct PickledTensor {
  PickleId storage = 0;  // A PickledStorage.
  uint64_t offset = 0;   // Of its first element, in elements.
  PickleId shape = 0;    // PickledExtents has them (pickle_calls.h),
  PickleId strides = 0;  // and as many strides, in elements.
};
using PickleValue =
    std::variant<std::monostate, bool, int64_t, double, std::string_view, PickleTuple, PickleList,
                 PickleDict, PickleGlobal, PickledStorage, PickledTensor>;

struct Pickle {
  std::vector<PickleValue> values;
  PickleId root = 0;
  size_t size_bytes = 0;  // Of the pickle; more may follow.

  // Null unless the value is a T.
  template <typename T>
  const T* As(PickleId id) const {
    return std::get_if<T>(&values[id]);
  }
};

// Reads the pickle that `bytes` begin with; strings are views of them. INVALID_ARGUMENT says what
// is not allowed, by name, or broken.
absl::StatusOr<Pickle> ReadPickle(std::string_view bytes);

}  // namespace chorus::runner
