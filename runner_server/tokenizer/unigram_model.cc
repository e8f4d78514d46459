#include "runner_server/tokenizer/unigram_model.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/utf8.h"

namespace chorus::runner {
namespace {

constexpr double kUnknownPenalty = 10.0;

// Steps of a word that a thread keeps room for.
constexpr size_t kMostKept = 1 << 16;

}  // namespace

absl::StatusOr<std::unique_ptr<UnigramModel>> UnigramModel::Create(const Vocabulary& vocabulary,
                                                                   Options options) {
  const std::vector<std::string>& tokens = vocabulary.model_tokens();
  if (options.scores.size() != tokens.size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("there are %d scores for %d tokens", options.scores.size(), tokens.size()));
  }
  if (options.unknown_id < 0 || static_cast<size_t>(options.unknown_id) >= tokens.size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("\"unk_id\" must be the id of one of the %d tokens: %d", tokens.size(),
                        options.unknown_id));
  }
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!std::isfinite(options.scores[id])) {
      return absl::InvalidArgumentError(absl::StrFormat("the score of token %d is not finite", id));
    }
  }
  std::unique_ptr<UnigramModel> model(new UnigramModel(vocabulary, std::move(options)));
  const std::vector<double>& scores = model->options_.scores;
  model->unknown_score_ = *std::min_element(scores.begin(), scores.end()) - kUnknownPenalty;
  PrefixTrie::Builder trie;
  for (size_t id = 0; id < tokens.size(); ++id) {
    // Of equal tokens the last counts.
    if (!tokens[id].empty()) trie.Add(tokens[id], *vocabulary.FindOwn(tokens[id]));
  }
  model->trie_ = std::move(trie).Build();
  if (model->options_.byte_fallback) {
    for (int byte = 0; byte < 256; ++byte) {
      const std::optional<int32_t> id = vocabulary.FindOwn(absl::StrFormat("<0x%02X>", byte));
      model->byte_ids_.push_back(id.value_or(-1));
    }
  }
  return model;
}

void UnigramModel::FindBestPath(std::string_view word, std::vector<Step>& steps) const {
  steps.assign(word.size() + 1, Step());
  for (size_t begin = 0; begin < word.size();) {
    const size_t character_size = DecodeUtf8(word.substr(begin)).num_bytes;
    const double score = steps[begin].score;
    bool has_character = false;
    const auto take = [&](size_t end, double token_score, int32_t id) {
      Step& step = steps[end];
      if (step.begin != UINT32_MAX && score + token_score <= step.score) return;
      step = {score + token_score, static_cast<uint32_t>(begin), id};
    };
    trie_.VisitPrefixes(word.substr(begin), [&](size_t size, int32_t id) {
      take(begin + size, options_.scores[id], id);
      has_character |= size == character_size;
    });
    if (!has_character) take(begin + character_size, unknown_score_, options_.unknown_id);
    begin += character_size;
  }
}

void UnigramModel::AppendUnknown(std::string_view word, Part part, std::vector<int32_t>& ids,
                                 std::vector<Part>* parts) const {
  const std::string_view text = word.substr(part.begin, part.end - part.begin);
  if (const std::optional<int32_t> id = vocabulary_.FindOwn(text)) {
    return Append(*id, part.begin, part.end, ids, parts);
  }
  const auto has_token = [&](char byte) { return byte_ids_[static_cast<uint8_t>(byte)] >= 0; };
  if (byte_ids_.empty() || !std::all_of(text.begin(), text.end(), has_token)) {
    return Append(options_.unknown_id, part.begin, part.end, ids, parts);
  }
  for (const char byte : text) {
    Append(byte_ids_[static_cast<uint8_t>(byte)], part.begin, part.end, ids, parts);
  }
}

void UnigramModel::Encode(std::string_view word, std::vector<int32_t>& ids,
                          std::vector<Part>* parts) const {
  thread_local std::vector<Step> steps;
  thread_local std::vector<Step> path;  // From its end; Step::score is not needed.
  FindBestPath(word, steps);
  path.clear();
  for (size_t end = word.size(); end > 0; end = steps[end].begin) path.push_back(steps[end]);
  for (size_t i = path.size(); i-- > 0;) {
    const uint32_t begin = path[i].begin;
    const int32_t id = path[i].id;
    if (id == options_.unknown_id) {  // Neighbouring unknown characters are one token.
      while (i > 0 && path[i - 1].id == id) --i;
    }
    const auto end = i > 0 ? path[i - 1].begin : static_cast<uint32_t>(word.size());
    if (id == options_.unknown_id) {
      AppendUnknown(word, {begin, end}, ids, parts);
    } else {
      Append(id, begin, end, ids, parts);
    }
  }
  if (steps.capacity() > kMostKept) std::vector<Step>().swap(steps);
  if (path.capacity() > kMostKept) std::vector<Step>().swap(path);
}

}  // namespace chorus::runner
