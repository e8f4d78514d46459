#include "runner_server/tokenizer/decoder_steps.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/metaspace.h"
#include "runner_server/tokenizer/text_pattern.h"

namespace chorus::runner {
namespace {

constexpr std::string_view kBadByte = "\uFFFD";

using StepOr = absl::StatusOr<std::unique_ptr<DecoderStep>>;

// Treats every token alone, the first perhaps otherwise.
class TokenStep : public DecoderStep {
 public:
  void Decode(std::vector<std::string>& tokens) const final {
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = DecodeToken(tokens[i], i == 0);
  }
  bool DecodeAlone(DecodedToken& token) const override {
    if (token.is_final) return false;
    token.first_text = DecodeToken(token.first_text, true);
    token.text = DecodeToken(token.text, false);
    return true;
  }

 private:
  virtual std::string DecodeToken(const std::string& token, bool is_first) const = 0;
};

class Spaces final : public TokenStep {
 private:
  std::string DecodeToken(const std::string& token, bool is_first) const override {
    return is_first ? token : " " + token;
  }
};

class Replace final : public TokenStep {
 public:
  Replace(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

 private:
  std::string DecodeToken(const std::string& token, bool) const override {
    return pattern_.Replace(token, content_);
  }

  const TextPattern pattern_;
  const std::string content_;
};

class FromMetaspace final : public TokenStep {
 public:
  explicit FromMetaspace(Metaspace metaspace) : metaspace_(std::move(metaspace)) {}

 private:
  std::string DecodeToken(const std::string& token, bool is_first) const override {
    const bool strips = is_first && metaspace_.prepend != Metaspace::Prepend::kNever;
    return absl::StrReplaceAll(token, {{metaspace_.replacement, strips ? "" : " "}});
  }

  const Metaspace metaspace_;
};

std::string CleanUp(std::string text) {
  static constexpr std::array<std::pair<const char*, const char*>, 11> kRules = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" do not", " don't"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [from, to] : kRules) text = absl::StrReplaceAll(text, {{from, to}});
  return text;
}

class FromWordPiece final : public TokenStep {
 public:
  FromWordPiece(std::string prefix, bool cleans_up)
      : prefix_(std::move(prefix)), cleans_up_(cleans_up) {}

 private:
  std::string DecodeToken(const std::string& token, bool is_first) const override {
    std::string text = token;
    if (!is_first) {
      text = token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
    }
    return cleans_up_ ? CleanUp(std::move(text)) : text;
  }

  const std::string prefix_;
  const bool cleans_up_;
};

// Removes a character at the ends of every token, or of the whole text once it is joined.
class Strip final : public TokenStep {
 public:
  Strip(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  bool DecodeAlone(DecodedToken& token) const override {
    if (!token.is_final) return TokenStep::DecodeAlone(token);
    if (start_ > 1 || stop_ > 0) return false;
    token.first_text = DecodeToken(token.first_text, true);
    return true;
  }

 private:
  std::string DecodeToken(const std::string& token, bool) const override {
    std::string_view text = token;
    for (size_t i = 0; i < start_ && text.starts_with(content_); ++i) {
      text.remove_prefix(content_.size());
    }
    for (size_t i = 0; i < stop_ && text.ends_with(content_); ++i) {
      text.remove_suffix(content_.size());
    }
    return std::string(text);
  }

  const std::string content_;
  const size_t start_;
  const size_t stop_;
};

class Fuse final : public DecoderStep {
 public:
  void Decode(std::vector<std::string>& tokens) const override {
    tokens = {absl::StrJoin(tokens, "")};
  }
  bool DecodeAlone(DecodedToken& token) const override { return token.is_final = true; }
};

class FromByteLevel final : public DecoderStep {
 public:
  void Decode(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += SpelledBytes(token);
    tokens = {ReplaceInvalidUtf8(bytes)};
  }
  bool DecodeAlone(DecodedToken& token) const override {
    if (token.is_final) return false;
    token.text = SpelledBytes(token.text);
    token.first_text = SpelledBytes(token.first_text);
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
  void Decode(std::vector<std::string>& tokens) const override {
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
  bool DecodeAlone(DecodedToken& token) const override {
    if (token.is_final) return false;
    if (const std::optional<char> byte = ByteOf(token.text)) {
      token.text = token.first_text = std::string(1, *byte);
    }
    return true;
  }
  bool replaces_each_byte() const override { return true; }
};

// A word's end becomes a space, but at the end of the text.
class FromBpe final : public DecoderStep {
 public:
  explicit FromBpe(std::string suffix) : suffix_(std::move(suffix)) {}
  void Decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      const bool is_last = &token == &tokens.back();
      token = absl::StrReplaceAll(token, {{suffix_, is_last ? "" : " "}});
    }
  }
  bool DecodeAlone(DecodedToken&) const override { return false; }

 private:
  const std::string suffix_;
};

StepOr StripFromJson(const JsonFields& fields) {
  ASSIGN_OR_RETURN(const std::optional<std::string> content, fields.String("content"));
  ASSIGN_OR_RETURN(const std::optional<int32_t> start, fields.Id("start"));
  ASSIGN_OR_RETURN(const std::optional<int32_t> stop, fields.Id("stop"));
  if (!content || content->empty()) return fields.Unimplemented("content");
  return std::make_unique<Strip>(*content, start.value_or(0), stop.value_or(0));
}

}  // namespace

StepOr DecoderStepFromJson(const JsonFields& fields) {
  ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("type"));
  if (type == "ByteLevel") return std::make_unique<FromByteLevel>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Strip") return StripFromJson(fields);
  if (type == "Metaspace") {
    ASSIGN_OR_RETURN(Metaspace metaspace, Metaspace::FromJson(fields));
    return std::make_unique<FromMetaspace>(std::move(metaspace));
  }
  if (type == "WordPiece") {
    ASSIGN_OR_RETURN(const std::optional<std::string> prefix, fields.String("prefix"));
    ASSIGN_OR_RETURN(const std::optional<bool> cleanup, fields.Bool("cleanup"));
    return std::make_unique<FromWordPiece>(prefix.value_or("##"), cleanup.value_or(true));
  }
  if (type == "BPEDecoder") {
    ASSIGN_OR_RETURN(const std::optional<std::string> suffix, fields.String("suffix"));
    if (suffix == "") return fields.Unimplemented("suffix");
    return std::make_unique<FromBpe>(suffix.value_or("</w>"));
  }
  if (type == "Replace") {
    ASSIGN_OR_RETURN(TextPattern pattern, TextPattern::FromJson(fields));
    ASSIGN_OR_RETURN(std::optional<std::string> content, fields.String("content"));
    return std::make_unique<Replace>(std::move(pattern), std::move(content).value_or(""));
  }
  return fields.Unimplemented("type");
}

std::unique_ptr<DecoderStep> SpacesBetweenTokens() { return std::make_unique<Spaces>(); }

}  // namespace chorus::runner
