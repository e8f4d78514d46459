#include "runner_server/tokenizer/byte_alphabet.h"

#include <optional>

#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

// Latin-1 without its controls, spaces and the soft hyphen.
bool IsWrittenAsItself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// The others are written as U+0100 and on, in the order of bytes.
constexpr char32_t kFirstSubstitute = 0x100;
constexpr size_t kAlphabetEnd = kFirstSubstitute + 68;

std::array<std::optional<char>, kAlphabetEnd> MakeByteOfCharacter() {
  std::array<std::optional<char>, kAlphabetEnd> byte_of;
  char32_t substitute = kFirstSubstitute;
  for (int byte = 0; byte < 256; ++byte) {
    byte_of[IsWrittenAsItself(byte) ? byte : substitute++] = static_cast<char>(byte);
  }
  return byte_of;
}

const std::array<std::optional<char>, kAlphabetEnd>& ByteOfCharacter() {
  static const auto byte_of = MakeByteOfCharacter();
  return byte_of;
}

}  // namespace

const std::array<std::string, 256>& ByteAlphabet() {
  static const auto alphabet = [] {
    std::array<std::string, 256> alphabet;
    for (char32_t c = 0; c < kAlphabetEnd; ++c) {
      const auto byte = ByteOfCharacter()[c];
      if (byte) AppendUtf8(c, alphabet[static_cast<uint8_t>(*byte)]);
    }
    return alphabet;
  }();
  return alphabet;
}

absl::Status SpellBytes(AlignedText& text) {
  AlignedText::Rewriter rewriter(text);
  const std::string_view bytes = text.text();
  for (size_t i = 0; i < bytes.size(); ++i) {
    rewriter.Put(ByteAlphabet()[static_cast<uint8_t>(bytes[i])], i, i + 1);
  }
  return rewriter.Finish();
}

std::string SpelledBytes(std::string_view token) {
  std::string bytes;
  for (size_t i = 0; i < token.size();) {
    const Utf8Step step = DecodeUtf8(token.substr(i));
    if (step.code_point >= kAlphabetEnd || !ByteOfCharacter()[step.code_point]) {
      return std::string(token);
    }
    bytes.push_back(*ByteOfCharacter()[step.code_point]);
    i += step.num_bytes;
  }
  return bytes;
}

}  // namespace chorus::runner
