// JsonReader accepts what nlohmann::json::accept() does, but for what it is stricter in: equal
// names, depth, and a NUL after the value, which the other takes for the end of the text.

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/match.h"
#include "base/json_reader.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::Status status =
      chorus::JsonReader({.max_depth = 100, .equal_keys = false}).Read(text);
  const bool other = nlohmann::json::accept(text);
  if (status.ok()) {
    FUZZ_ASSERT(other);
    return 0;
  }
  FUZZ_ASSERT(absl::IsInvalidArgument(status));
  FUZZ_ASSERT(absl::StartsWith(status.message(), "line "));
  FUZZ_ASSERT(!other || absl::EndsWith(status.message(), "is there twice") ||
              absl::EndsWith(status.message(), "levels") ||
              absl::EndsWith(status.message(), "a NUL is not allowed"));
  return 0;
}
