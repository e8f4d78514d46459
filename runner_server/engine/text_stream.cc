#include "runner_server/engine/text_stream.h"

#include <utility>

namespace chorus::runner {

void TextStream::AddToken(std::optional<chorus::v1::TokenLogprob> logprob) {
  if (pieces_.empty() || pieces_.back().whole) pieces_.emplace_back();
  Piece& piece = pieces_.back();
  ++piece.num_tokens;
  if (logprob) piece.logprobs.push_back(*std::move(logprob));
}

void TextStream::TakePiece(chorus::v1::TextDelta& delta) {
  Piece& piece = pieces_.front();
  delta.set_num_tokens(delta.num_tokens() + piece.num_tokens);
  for (chorus::v1::TokenLogprob& logprob : piece.logprobs)
    *delta.add_logprobs() = std::move(logprob);
  pieces_.pop_front();
}

chorus::v1::TextDelta TextStream::Append(int32_t id,
                                         std::optional<chorus::v1::TokenLogprob> logprob) {
  AddToken(std::move(logprob));
  Piece& piece = pieces_.back();
  const std::string text = detokenizer_.Append(id);
  decoded_bytes_ += text.size();
  // A piece before it ends where this one begins.
  const size_t begin = pieces_.size() > 1 ? pieces_[pieces_.size() - 2].text_end : delivered_bytes_;
  piece.text_end = decoded_bytes_;
  piece.whole = !detokenizer_.is_open() && decoded_bytes_ > begin;

  text_ += stop_strings_.Append(text);
  const size_t released_bytes = delivered_bytes_ + text_.size();
  chorus::v1::TextDelta delta;
  size_t end = delivered_bytes_;
  while (!pieces_.empty() && pieces_.front().whole && pieces_.front().text_end <= released_bytes) {
    end = pieces_.front().text_end;
    TakePiece(delta);
  }
  delta.set_text(text_.substr(0, end - delivered_bytes_));
  text_.erase(0, end - delivered_bytes_);
  delivered_bytes_ = end;
  return delta;
}

void TextStream::AppendEnd(std::optional<chorus::v1::TokenLogprob> logprob) {
  AddToken(std::move(logprob));
}

chorus::v1::TextDelta TextStream::Finish() {
  text_ += stop_strings_.Append(detokenizer_.Finish());
  text_ += stop_strings_.Finish();
  chorus::v1::TextDelta delta;
  delta.set_text(std::exchange(text_, {}));
  while (!pieces_.empty()) TakePiece(delta);
  return delta;
}

}  // namespace chorus::runner
