#include "runner_server/tokenizer/model_file.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus {
namespace {

using nlohmann::json;

// A tokenizer.json has about ten levels.
constexpr int kMaxDepth = 64;

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return absl::NotFoundError(absl::StrFormat("%s: no such file", path.string()));
  }
  if (!std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: not a file", path.string()));
  }
  const uint64_t size = std::filesystem::file_size(path, error);
  if (!error && size > kMaxModelFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: larger than %d bytes: %d", path.string(), kMaxModelFileBytes, size));
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(error ? 0 : size, '\0');
  if (error || !file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return absl::UnavailableError(absl::StrFormat("%s: cannot be read", path.string()));
  }
  return bytes;
}

void NormalizeLineEnds(std::string& text) {
  size_t out = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    text[out++] = text[i] == '\r' ? '\n' : text[i];
  }
  text.resize(out);
}

}  // namespace

absl::StatusOr<std::string> ReadModelText(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  NormalizeLineEnds(text);
  if (const size_t bad = FindInvalidUtf8(text); bad != std::string_view::npos) {
    const int64_t line =
        1 + std::count(text.begin(), text.begin() + static_cast<int64_t>(bad), '\n');
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: line %d is not UTF-8", path.string(), line));
  }
  return text;
}

absl::StatusOr<json> ReadModelJson(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  bool too_deep = false;
  const auto drop_the_deep = [&](int depth, json::parse_event_t, json&) {
    too_deep |= depth > kMaxDepth;
    return !too_deep;
  };
  json value = json::parse(text, drop_the_deep, /*allow_exceptions=*/false);
  if (too_deep) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: nested deeper than %d levels", path.string(), kMaxDepth));
  }
  if (!value.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: not a JSON object in UTF-8", path.string()));
  }
  return value;
}

absl::StatusOr<std::vector<std::string>> TokensById(const json& ids, std::string_view what) {
  const auto error = [&](const std::string& message) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: %s", AbslView(what), message));
  };
  if (!ids.is_object()) return error("not an object of tokens and their ids");
  if (ids.size() > Vocabulary::kMaxTokens) {
    return error(absl::StrFormat("more than %d tokens: %d", Vocabulary::kMaxTokens, ids.size()));
  }
  std::vector<std::optional<std::string>> found(ids.size());
  for (const auto& [token, id] : ids.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= found.size()) {
      return error(
          absl::StrFormat("the id of \"%s\" is not a whole number below %d, the number of "
                          "tokens: %s",
                          token, found.size(), id.dump(-1, ' ', true)));
    }
    std::optional<std::string>& place = found[id.get<uint64_t>()];
    if (place) {
      return error(
          absl::StrFormat("\"%s\" and \"%s\" both have id %d", *place, token, id.get<uint64_t>()));
    }
    place = token;
  }
  std::vector<std::string> tokens;
  tokens.reserve(found.size());
  for (std::optional<std::string>& token : found) tokens.push_back(*std::move(token));
  return tokens;
}

}  // namespace chorus
