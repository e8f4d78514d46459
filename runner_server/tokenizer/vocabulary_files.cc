#include "runner_server/tokenizer/vocabulary_files.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "runner_server/tokenizer/model_file.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus {
namespace {

// The next line without its end; `rest` loses both. nullopt if no line end is left.
std::optional<std::string_view> TakeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadVocabJson(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const nlohmann::json ids, ReadModelJson(path));
  return TokensById(ids, path.string());
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ReadMergesTxt(
    const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadModelText(path));
  std::vector<std::pair<std::string, std::string>> merges;
  std::string_view rest = text;
  if (!TakeLine(rest)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: has no first line such as \"#version: 0.2\"", path.string()));
  }
  for (int line_number = 2; const std::optional<std::string_view> line = TakeLine(rest);
       ++line_number) {
    const size_t space = line->find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == line->size() ||
        line->find(' ', space + 1) != std::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: line %d is not two tokens with a space between", path.string(), line_number));
    }
    if (merges.size() == Vocabulary::kMaxTokens) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: more than %d merges", path.string(), Vocabulary::kMaxTokens));
    }
    merges.emplace_back(line->substr(0, space), line->substr(space + 1));
  }
  return merges;
}

absl::StatusOr<std::vector<std::string>> ReadVocabTxt(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadModelText(path));
  std::vector<std::string> tokens;
  std::string_view rest = text;
  while (const std::optional<std::string_view> line = TakeLine(rest)) tokens.emplace_back(*line);
  if (!rest.empty()) tokens.emplace_back(rest);
  return tokens;
}

}  // namespace chorus
