#include "runner_server/tokenizer/vocabulary_files.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/strings/str_format.h"
#include "base/model_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {
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

absl::StatusOr<std::vector<std::string>> TokensById(const nlohmann::json& ids,
                                                    std::string_view what) {
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
                          token, found.size(), ShownJson(id)));
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

absl::StatusOr<std::vector<std::string>> ReadVocabJson(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const nlohmann::json ids, ReadModelJson(path));
  return TokensById(ids, path.string());
}

absl::StatusOr<MergesTxt> ReadMergesTxt(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadModelText(path));
  MergesTxt file;
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
    if (file.merges.size() == Vocabulary::kMaxTokens) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: more than %d merges", path.string(), Vocabulary::kMaxTokens));
    }
    file.merges.emplace_back(line->substr(0, space), line->substr(space + 1));
  }
  file.rest = rest;
  return file;
}

absl::StatusOr<std::vector<std::string>> ReadVocabTxt(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadModelText(path));
  std::vector<std::string> tokens;
  std::string_view rest = text;
  while (const std::optional<std::string_view> line = TakeLine(rest)) tokens.emplace_back(*line);
  if (!rest.empty()) tokens.emplace_back(rest);
  return tokens;
}

}  // namespace chorus::runner
