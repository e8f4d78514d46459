#include "runner_server/tokenizer/byte_level_splitter.h"

#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "runner_server/tokenizer/byte_alphabet.h"

namespace chorus::runner {
namespace {

absl::Status AddPrefixSpaces(PreTokens& tokens) {
  AlignedText::Rewriter rewriter(tokens.text);
  for (PreTokens::Word& word : tokens.words) {
    const auto begin = static_cast<uint32_t>(rewriter.size());
    if (tokens.text.text()[word.begin] != ' ') rewriter.Put(" ", word.begin, word.begin);
    rewriter.Keep(word.begin, word.end);
    word = {begin, static_cast<uint32_t>(rewriter.size())};
  }
  return rewriter.Finish();
}

}  // namespace

void SplitByPattern(PreTokenPattern pattern, PreTokens& tokens) {
  std::vector<PreTokens::Word> words;
  words.reserve(tokens.text.text().size() / 4 + 1);
  for (const PreTokens::Word& word : tokens.words) {
    std::string_view rest = tokens.text.text().substr(word.begin, word.end - word.begin);
    for (size_t begin = word.begin; !rest.empty();) {
      const size_t size = FirstPreTokenSize(rest, pattern);
      PreTokens::Add(words, begin, begin + size);
      begin += size;
      rest.remove_prefix(size);
    }
  }
  tokens.words = std::move(words);
}

namespace {

absl::Status SpellWords(PreTokens& tokens) {
  AlignedText::Rewriter rewriter(tokens.text);
  const std::string_view bytes = tokens.text.text();
  for (PreTokens::Word& word : tokens.words) {
    const auto begin = static_cast<uint32_t>(rewriter.size());
    for (size_t i = word.begin; i < word.end; ++i) {
      rewriter.Put(ByteAlphabet()[static_cast<uint8_t>(bytes[i])], i, i + 1);
    }
    word = {begin, static_cast<uint32_t>(rewriter.size())};
  }
  return rewriter.Finish();
}

}  // namespace

absl::Status ByteLevelSplitter::Split(PreTokens& tokens) const {
  if (options_.add_prefix_space) RETURN_IF_ERROR(AddPrefixSpaces(tokens));
  if (options_.use_regex) SplitByPattern(PreTokenPattern::kGpt2, tokens);
  return leaves_bytes_ ? absl::OkStatus() : SpellWords(tokens);
}

}  // namespace chorus::runner
