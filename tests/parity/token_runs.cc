#include "tests/parity/token_runs.h"

#include <algorithm>

namespace chorus::runner {

Logits LogitsAfter(LanguageModel& model, const Ids& ids, int chunk, int slot) {
  const int length = static_cast<int>(ids.size());
  for (int start = 0;; start += chunk) {
    const int count = std::min(chunk, length - start);
    const bool last = start + count == length;
    const LanguageModel::Row row = {.slot = slot,
                                    .start = start,
                                    .tokens = std::span(ids).subspan(start, count),
                                    .wants_logits = last};
    const std::span<const float> logits = model.Forward({&row, 1});
    if (last) return {logits.begin(), logits.end()};
  }
}

Logits LogitsAfterCopy(LanguageModel& model, const Ids& ids) {
  const int length = static_cast<int>(ids.size()), copied = length / 2;
  if (copied == 0) return LogitsAfter(model, ids, length, /*slot=*/1);
  LogitsAfter(model, ids, length, /*slot=*/0);
  model.CopyPrefix(/*from_slot=*/0, /*to_slot=*/1, copied);
  model.Release(/*slot=*/0, /*num_kept_tokens=*/0);
  const LanguageModel::Row row = {
      .slot = 1, .start = copied, .tokens = std::span(ids).subspan(copied), .wants_logits = true};
  const std::span<const float> logits = model.Forward({&row, 1});
  return {logits.begin(), logits.end()};
}

std::vector<Logits> LogitsOfBatch(LanguageModel& model, const std::vector<Ids>& texts) {
  std::vector<LanguageModel::Row> rows;
  for (size_t i = 0; i < texts.size(); ++i) {
    const int slot = static_cast<int>(texts.size() - 1 - i);
    const size_t start = i % 3 == 0 ? 0 : i % 3 == 1 ? texts[i].size() / 2 : texts[i].size() - 1;
    if (start > 0) {
      LogitsAfter(model, Ids(texts[i].begin(), texts[i].begin() + static_cast<ptrdiff_t>(start)), 9,
                  slot);
    }
    rows.push_back({.slot = slot,
                    .start = static_cast<int>(start),
                    .tokens = std::span(texts[i]).subspan(start),
                    .wants_logits = true});
  }
  const std::span<const float> all = model.Forward(rows);
  const auto size = static_cast<ptrdiff_t>(model.vocab_size());
  std::vector<Logits> logits;
  for (auto at = all.begin(); at != all.end(); at += size) logits.emplace_back(at, at + size);
  return logits;
}

std::vector<Ids> ContinueGreedily(LanguageModel& model, const std::vector<Ids>& prompts,
                                  const std::vector<size_t>& num_tokens) {
  std::vector<Ids> texts = prompts;
  std::vector<size_t> held(prompts.size(), 0);  // Tokens in the cache.
  while (true) {
    std::vector<LanguageModel::Row> rows;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (texts[i].size() == prompts[i].size() + num_tokens[i]) continue;
      rows.push_back({.slot = static_cast<int>(i),
                      .start = static_cast<int>(held[i]),
                      .tokens = std::span(texts[i]).subspan(held[i]),
                      .wants_logits = true});
      held[i] = texts[i].size();
    }
    if (rows.empty()) break;
    const std::span<const float> logits = model.Forward(rows);
    const auto size = static_cast<ptrdiff_t>(model.vocab_size());
    for (size_t r = 0; r < rows.size(); ++r) {
      const auto first = logits.begin() + static_cast<ptrdiff_t>(r) * size;
      texts[rows[r].slot].push_back(
          static_cast<int32_t>(std::max_element(first, first + size) - first));
    }
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i].erase(texts[i].begin(), texts[i].begin() + static_cast<ptrdiff_t>(prompts[i].size()));
  }
  return texts;
}

}  // namespace chorus::runner
