#include "cli/bench/load/call.h"

#include <algorithm>
#include <utility>

namespace chorus::bench {

Outcome OutcomeOfHttp(int code) {
  if (code == 200) return Outcome::kOk;
  if (code == 429 || code == 503) return Outcome::kRefused;
  if (code == 408 || code == 504) return Outcome::kTimedOut;
  return Outcome::kFailed;
}

TextTimes& CallRecord::Text(std::string_view branch, uint32_t index) {
  for (TextTimes& text : texts) {
    if (text.index == index && text.branch == branch) return text;
  }
  return texts.emplace_back(TextTimes{.branch = std::string(branch), .index = index});
}

void CallRecord::OnTokens(std::string_view branch, uint32_t index, uint32_t count,
                          absl::Duration now) {
  if (count == 0) return;
  TextTimes& text = Text(branch, index);
  if (text.num_tokens == 0) {
    text.first_token = now;
  } else {
    const double seconds = absl::ToDoubleSeconds(now - text.last_token) / count;
    gaps.push_back(
        {static_cast<uint32_t>(&text - texts.data()), static_cast<float>(seconds), count});
  }
  text.last_token = now;
  text.num_tokens += count;
  num_tokens += count;
}

void CallRecord::OnScore(std::string_view branch, uint32_t index, absl::Duration now) {
  Text(branch, index).scored = now;
}

void CallRecord::Fail(Outcome why, std::string with_status, std::string with_message) {
  outcome = why;
  status = std::move(with_status);
  message = std::move(with_message);
}

}  // namespace chorus::bench
