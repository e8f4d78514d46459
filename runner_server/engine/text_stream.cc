#include "runner_server/engine/text_stream.h"

#include <utility>

namespace chorus {

GenerationDelta TextStream::Append(int32_t id, std::optional<TokenLogProb> logprob) {
  const std::string text = detokenizer_.Append(id);
  decoded_bytes_ += text.size();
  waiting_.push_back({decoded_bytes_, std::move(logprob)});
  return MakeDelta(stop_strings_.Append(text));
}

GenerationDelta TextStream::Finish() {
  const std::string rest = detokenizer_.Finish();
  // A character that has begun ends with the token that came last.
  decoded_bytes_ += rest.size();
  if (!waiting_.empty()) waiting_.back().text_end = decoded_bytes_;
  std::string text = stop_strings_.Append(rest);
  return MakeDelta(std::move(text) + stop_strings_.Finish());
}

GenerationDelta TextStream::MakeDelta(std::string text) {
  GenerationDelta delta = {.text = std::move(text)};
  if (delta.text.empty()) return delta;
  delivered_bytes_ += delta.text.size();
  while (!waiting_.empty() && waiting_.front().text_end <= delivered_bytes_) {
    ++delta.num_tokens;
    if (waiting_.front().logprob) delta.logprobs.push_back(*std::move(waiting_.front().logprob));
    waiting_.pop_front();
  }
  return delta;
}

}  // namespace chorus
