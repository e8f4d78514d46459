// ParseJson accepts what nlohmann::json accepts, but for what it is stricter in (equal names,
// depth, a byte order mark) and numbers too large for a double, and keeps the values.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "api_server/transcoding/json_parser.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus {
namespace {

using nlohmann::json;

// Whether nlohmann refuses a number that is too large for a double, which is grammatical.
bool HasHugeNumber(std::string_view text) {
  try {
    const json parsed = json::parse(text);
  } catch (const json::out_of_range&) {
    return true;
  } catch (const json::exception&) {
    return false;
  }
  return false;
}

void Compare(const JsonValue& value, const json& other) {
  switch (value.kind()) {
    case JsonValue::Kind::kNull:
      FUZZ_ASSERT(other.is_null());
      break;
    case JsonValue::Kind::kTrue:
    case JsonValue::Kind::kFalse:
      FUZZ_ASSERT(other == (value.kind() == JsonValue::Kind::kTrue));
      break;
    case JsonValue::Kind::kNumber:
      FUZZ_ASSERT(other == json::parse(value.raw()));
      break;
    case JsonValue::Kind::kString:
      FUZZ_ASSERT(other == value.string());
      break;
    case JsonValue::Kind::kArray: {
      size_t size = 0;
      for (const JsonValue element : value.children()) Compare(element, other.at(size++));
      FUZZ_ASSERT(other.size() == size);
      break;
    }
    case JsonValue::Kind::kObject: {
      size_t size = 0;
      const JsonValue::Range members = value.children();
      for (auto it = members.begin(); it != members.end(); ++it, ++size) {
        const std::string name = (*it).string();
        ++it;
        Compare(*it, other.at(name));
      }
      FUZZ_ASSERT(other.size() == size);
    }
  }
}

}  // namespace
}  // namespace chorus

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = chorus::ParseJson(text);
  const bool other = nlohmann::json::accept(text);
  if (document.ok() && !other) {
    FUZZ_ASSERT(chorus::HasHugeNumber(text));
  } else if (document.ok()) {
    chorus::Compare(document->root(), nlohmann::json::parse(text));
  } else {
    FUZZ_ASSERT(document.status().code() == absl::StatusCode::kInvalidArgument);
    const absl::string_view error = document.status().message();
    // nlohmann takes a NUL after the value for the end of the text.
    const bool has_nul = text.find('\0') != std::string_view::npos;
    FUZZ_ASSERT(!other || has_nul || absl::StrContains(error, "is there twice") ||
                absl::StrContains(error, "nest at most") ||
                absl::StrContains(error, "byte order mark"));
  }
  return 0;
}
