#include "runner_server/weights/tensor.h"

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

struct DTypeRow {
  std::string_view name;
  size_t size_bytes;
};

constexpr std::array<DTypeRow, 18> kDTypes = {{{"BOOL", 1},
                                               {"U8", 1},
                                               {"I8", 1},
                                               {"F8_E5M2", 1},
                                               {"F8_E4M3", 1},
                                               {"I16", 2},
                                               {"U16", 2},
                                               {"F16", 2},
                                               {"BF16", 2},
                                               {"I32", 4},
                                               {"U32", 4},
                                               {"F32", 4},
                                               {"F64", 8},
                                               {"I64", 8},
                                               {"U64", 8},
                                               {"C64", 8},
                                               {"C128", 16},
                                               {"of an unknown type", 0}}};
static_assert(kDTypes.size() == static_cast<size_t>(DType::kOther) + 1);

}  // namespace

std::string_view DTypeName(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].name; }

size_t DTypeSizeBytes(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].size_bytes; }

std::string ShownName(std::string_view name) {
  constexpr size_t kMaxBytes = 120;
  return absl::StrCat(absl::Utf8SafeCEscape(AbslView(name.substr(0, kMaxBytes))),
                      name.size() > kMaxBytes ? "..." : "");
}

}  // namespace chorus::runner
