#include "runner_server/tokenizer/metaspace.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "base/utf8.h"

namespace chorus::runner {
namespace {

// Splits `text`[begin, end) before every `delimiter`.
void SplitBefore(std::string_view delimiter, std::string_view text, size_t begin, size_t end,
                 std::vector<PreTokens::Word>& words) {
  while (begin < end) {
    const size_t next = std::min(text.substr(0, end).find(delimiter, begin + 1), end);
    PreTokens::Add(words, begin, next);
    begin = next;
  }
}

}  // namespace

absl::StatusOr<Metaspace> Metaspace::FromJson(const JsonFields& fields) {
  Metaspace metaspace;
  ASSIGN_OR_RETURN(const std::optional<std::string> replacement, fields.String("replacement"));
  metaspace.replacement = replacement.value_or("\u2581");
  if (metaspace.replacement.empty() ||
      DecodeUtf8(metaspace.replacement).num_bytes != metaspace.replacement.size()) {
    return fields.Error("\"replacement\" must be one character");
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> scheme, fields.String("prepend_scheme"));
  ASSIGN_OR_RETURN(const std::optional<bool> prefix_space, fields.Bool("add_prefix_space"));
  if (scheme == "never" || (!scheme && prefix_space == false)) {
    metaspace.prepend = Prepend::kNever;
  } else if (scheme == "first") {
    metaspace.prepend = Prepend::kFirst;
  } else if (scheme && scheme != "always") {
    return fields.Unimplemented("prepend_scheme");
  }
  ASSIGN_OR_RETURN(const std::optional<bool> splits, fields.Bool("split"));
  metaspace.splits = splits.value_or(true);
  return metaspace;
}

absl::Status MetaspaceSplitter::Split(PreTokens& tokens) const {
  const std::string& space = metaspace_.replacement;
  const std::string_view old = tokens.text.text();
  AlignedText::Rewriter rewriter(tokens.text);
  std::vector<PreTokens::Word> spaced;
  for (const PreTokens::Word& word : tokens.words) {
    const size_t begin = rewriter.size();
    const std::string_view text = old.substr(word.begin, word.end - word.begin);
    const bool begins_text = metaspace_.prepend == Metaspace::Prepend::kAlways ||
                             (metaspace_.prepend == Metaspace::Prepend::kFirst &&
                              tokens.text.OriginOf(word.begin, word.begin + 1).begin == 0);
    if (begins_text && !text.starts_with(' ') && !text.starts_with(space)) {
      rewriter.Put(space, word.begin, word.begin);
    }
    for (size_t i = word.begin; i < word.end;) {
      const size_t next = std::min<size_t>(old.substr(0, word.end).find(' ', i), word.end);
      rewriter.Keep(i, next);
      if (next < word.end) rewriter.Put(space, next, next + 1);
      i = next + 1;
    }
    PreTokens::Add(spaced, begin, rewriter.size());
  }
  RETURN_IF_ERROR(rewriter.Finish());
  if (!metaspace_.splits) {
    tokens.words = std::move(spaced);
    return absl::OkStatus();
  }
  tokens.words.clear();
  for (const PreTokens::Word& word : spaced) {
    SplitBefore(space, tokens.text.text(), word.begin, word.end, tokens.words);
  }
  return absl::OkStatus();
}

}  // namespace chorus::runner
