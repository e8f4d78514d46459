#include "runner_server/engine/text_stream.h"

#include <iterator>
#include <utility>

namespace chorus {

void TextStream::AddToken(std::optional<TokenLogProb> logprob) {
  if (pieces_.empty() || pieces_.back().whole) pieces_.emplace_back();
  Piece& piece = pieces_.back();
  ++piece.num_tokens;
  if (logprob) piece.logprobs.push_back(*std::move(logprob));
}

void TextStream::TakePiece(GenerationDelta& delta) {
  Piece& piece = pieces_.front();
  delta.num_tokens += piece.num_tokens;
  std::move(piece.logprobs.begin(), piece.logprobs.end(), std::back_inserter(delta.logprobs));
  pieces_.pop_front();
}

GenerationDelta TextStream::Append(int32_t id, std::optional<TokenLogProb> logprob) {
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
  GenerationDelta delta;
  size_t end = delivered_bytes_;
  while (!pieces_.empty() && pieces_.front().whole && pieces_.front().text_end <= released_bytes) {
    end = pieces_.front().text_end;
    TakePiece(delta);
  }
  delta.text = text_.substr(0, end - delivered_bytes_);
  text_.erase(0, end - delivered_bytes_);
  delivered_bytes_ = end;
  return delta;
}

void TextStream::AppendEnd(std::optional<TokenLogProb> logprob) { AddToken(std::move(logprob)); }

GenerationDelta TextStream::Finish() {
  text_ += stop_strings_.Append(detokenizer_.Finish());
  text_ += stop_strings_.Finish();
  GenerationDelta delta = {.text = std::exchange(text_, {})};
  while (!pieces_.empty()) TakePiece(delta);
  return delta;
}

}  // namespace chorus
