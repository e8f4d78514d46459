#include "runner_server/tokenizer/byte_steps.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus::runner {
namespace {

constexpr std::string_view kBadByte = "\uFFFD";

class FromByteLevel final : public DecoderStep {
 public:
  void Decode(std::vector<std::string>& tokens, TextBudget& /*budget*/,
              size_t /*max_bytes*/) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += SpelledBytes(token);
    tokens = {ReplaceInvalidUtf8(bytes)};
  }
  bool DecodeAlone(DecodedToken& token, TextBudget& /*budget*/,
                   size_t /*max_bytes*/) const override {
    if (token.is_final) return false;
    token.text = SpelledBytes(token.text);
    token.first_text = SpelledBytes(token.first_text);
    token.last_text = SpelledBytes(token.last_text);
    return token.is_final = true;
  }
};

// The byte of "<0x0A>".
std::optional<char> ByteOf(std::string_view token) {
  uint32_t byte = 0;
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>' ||
      !absl::ascii_isxdigit(static_cast<unsigned char>(token[3])) ||
      !absl::ascii_isxdigit(static_cast<unsigned char>(token[4])) ||
      !absl::SimpleHexAtoi(AbslView(token.substr(3, 2)), &byte)) {
    return std::nullopt;
  }
  return static_cast<char>(byte);
}

// A run of bytes that is not UTF-8 is as many U+FFFD.
class ByteFallback final : public DecoderStep {
 public:
  void Decode(std::vector<std::string>& tokens, TextBudget& /*budget*/,
              size_t /*max_bytes*/) const override {
    std::vector<std::string> decoded;
    std::string run;
    const auto end_run = [&] {
      if (run.empty()) return;
      if (IsValidUtf8(run)) {
        decoded.push_back(run);
      } else {
        decoded.insert(decoded.end(), run.size(), std::string(kBadByte));
      }
      run.clear();
    };
    for (std::string& token : tokens) {
      if (const std::optional<char> byte = ByteOf(token)) {
        run.push_back(*byte);
      } else {
        end_run();
        decoded.push_back(std::move(token));
      }
    }
    end_run();
    tokens = std::move(decoded);
  }
  bool DecodeAlone(DecodedToken& token, TextBudget& /*budget*/,
                   size_t /*max_bytes*/) const override {
    if (token.is_final) return false;
    if (const std::optional<char> byte = ByteOf(token.text)) {
      token.text = token.first_text = token.last_text = std::string(1, *byte);
      token.is_byte = true;
    }
    return true;
  }
  bool replaces_each_byte() const override { return true; }
};

}  // namespace

std::unique_ptr<DecoderStep> BytesOfByteLevel() { return std::make_unique<FromByteLevel>(); }

std::unique_ptr<DecoderStep> BytesOfTokens() { return std::make_unique<ByteFallback>(); }

}  // namespace chorus::runner
