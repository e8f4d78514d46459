// Input: a JSON file of a model folder. What JSON allows is read as such; what is read beside it
// holds a number that is not finite, or half a surrogate pair.

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/match.h"
#include "base/model_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus {
namespace {

using nlohmann::json;

bool IsFinite(const json& value) {
  if (value.is_number_float()) return std::isfinite(value.get<double>());
  if (!value.is_structured()) return true;
  for (const json& part : value) {
    if (!IsFinite(part)) return false;
  }
  return true;
}

void Check(std::string_view text) {
  const auto value = ParseModelJson(text);
  const json expected = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.ok()) {
    const bool has_surrogate = text.find("\\ud") != text.npos || text.find("\\uD") != text.npos;
    FUZZ_ASSERT(IsFinite(*value) && !(has_surrogate && expected.is_discarded())
                    ? *value == expected
                    : expected.is_discarded());
    ShownJson(*value);
    return;
  }
  FUZZ_ASSERT(absl::IsInvalidArgument(value.status()));
  FUZZ_ASSERT(absl::StartsWith(value.status().message(), "line "));
  const bool too_deep = absl::EndsWith(value.status().message(), "levels");
  const bool has_nul = text.find('\0') != std::string_view::npos;  // To nlohmann the text's end.
  FUZZ_ASSERT(too_deep || has_nul || expected.is_discarded());
}

}  // namespace
}  // namespace chorus

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chorus::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
