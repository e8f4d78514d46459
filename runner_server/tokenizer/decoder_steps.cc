#include "runner_server/tokenizer/decoder_steps.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/byte_steps.h"
#include "runner_server/tokenizer/metaspace.h"
#include "runner_server/tokenizer/text_pattern.h"

namespace chorus::runner {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<DecoderStep>>;

// As absl::StrReplaceAll, but an empty `from` is at every character's place and at the end.
std::string ReplaceAll(std::string_view text, const std::string& from, const std::string& to) {
  if (!from.empty()) return absl::StrReplaceAll(AbslView(text), {{from, to}});
  std::string replaced = to;
  for (size_t i = 0; i < text.size();) {
    const size_t size = DecodeUtf8(text.substr(i)).num_bytes;
    replaced.append(text.substr(i, size)).append(to);
    i += size;
  }
  return replaced;
}

// Treats every token alone, the first perhaps otherwise.
class TokenStep : public DecoderStep {
 public:
  void Decode(std::vector<std::string>& tokens, TextBudget& budget, size_t max_bytes) const final {
    size_t num_bytes = 0;
    for (size_t i = 0; i < tokens.size() && num_bytes <= max_bytes; ++i) {
      tokens[i] = DecodeToken(tokens[i], i == 0, budget, max_bytes);
      num_bytes += tokens[i].size();
    }
  }
  bool DecodeAlone(DecodedToken& token, TextBudget& budget, size_t max_bytes) const override {
    if (token.is_final) return false;
    const auto decode = [&](const std::string& text, bool is_first) {
      return DecodeToken(text, is_first, budget, max_bytes);
    };
    std::string text = decode(token.text, false);
    token.first_text = decode(token.first_text, true);
    token.last_text = token.last_text == token.text ? text : decode(token.last_text, false);
    token.text = std::move(text);
    return true;
  }

 private:
  // Of a result that is longer than `max_bytes` the rest may be left out.
  virtual std::string DecodeToken(const std::string& token, bool is_first, TextBudget& budget,
                                  size_t max_bytes) const = 0;
};

class Spaces final : public TokenStep {
 private:
  std::string DecodeToken(const std::string& token, bool is_first, TextBudget& /*budget*/,
                          size_t /*max_bytes*/) const override {
    return is_first ? token : " " + token;
  }
};

class Replace final : public TokenStep {
 public:
  Replace(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

 private:
  std::string DecodeToken(const std::string& token, bool /*is_first*/, TextBudget& budget,
                          size_t max_bytes) const override {
    return pattern_.Replace(token, content_, budget, max_bytes);
  }

  const TextPattern pattern_;
  const std::string content_;
};

class FromMetaspace final : public TokenStep {
 public:
  explicit FromMetaspace(Metaspace metaspace) : metaspace_(std::move(metaspace)) {}

 private:
  std::string DecodeToken(const std::string& token, bool is_first, TextBudget& /*budget*/,
                          size_t /*max_bytes*/) const override {
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
  std::string DecodeToken(const std::string& token, bool is_first, TextBudget& /*budget*/,
                          size_t /*max_bytes*/) const override {
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

  bool DecodeAlone(DecodedToken& token, TextBudget& budget, size_t max_bytes) const override {
    if (!token.is_final) return TokenStep::DecodeAlone(token, budget, max_bytes);
    if (start_ > 1 || stop_ > 0) return false;
    token.first_text = DecodeToken(token.first_text, true, budget, max_bytes);
    return true;
  }

 private:
  std::string DecodeToken(const std::string& token, bool /*is_first*/, TextBudget& /*budget*/,
                          size_t /*max_bytes*/) const override {
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
  void Decode(std::vector<std::string>& tokens, TextBudget& /*budget*/,
              size_t /*max_bytes*/) const override {
    tokens = {absl::StrJoin(tokens, "")};
  }
  bool DecodeAlone(DecodedToken& token, TextBudget& /*budget*/,
                   size_t /*max_bytes*/) const override {
    return token.is_final = true;
  }
};

// A word's end becomes a space, but at the end of the text.
class FromBpe final : public DecoderStep {
 public:
  explicit FromBpe(std::string suffix) : suffix_(std::move(suffix)) {}
  void Decode(std::vector<std::string>& tokens, TextBudget& /*budget*/,
              size_t /*max_bytes*/) const override {
    for (std::string& token : tokens) {
      token = ReplaceAll(token, suffix_, &token == &tokens.back() ? "" : " ");
    }
  }
  bool DecodeAlone(DecodedToken& token, TextBudget& /*budget*/,
                   size_t /*max_bytes*/) const override {
    if (token.is_final) return false;
    token.first_text = ReplaceAll(token.first_text, suffix_, " ");
    token.last_text = ReplaceAll(token.last_text, suffix_, "");
    token.text = ReplaceAll(token.text, suffix_, " ");
    return true;
  }

 private:
  const std::string suffix_;
};

// Of connectionist temporal classification, which says a token as long as it is heard: one that is
// the same as that before it is left out, and so is one that has no text without the blank.
class FromCtc final : public DecoderStep {
 public:
  FromCtc(std::string blank, std::string delimiter, bool cleans_up)
      : blank_(std::move(blank)), delimiter_(std::move(delimiter)), cleans_up_(cleans_up) {}

  void Decode(std::vector<std::string>& tokens, TextBudget& /*budget*/,
              size_t /*max_bytes*/) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) token = DecodeToken(token);
    std::erase(tokens, "");
  }
  bool DecodeAlone(DecodedToken& token, TextBudget& /*budget*/,
                   size_t /*max_bytes*/) const override {
    if (token.is_final || token.is_byte || token.repeated || token.first_text != token.text ||
        token.last_text != token.text) {
      return false;
    }
    token.repeated = token.text;
    token.text = token.first_text = token.last_text = DecodeToken(token.text);
    token.is_left_out = token.text.empty();
    return true;
  }

 private:
  std::string DecodeToken(const std::string& token) const {
    std::string text = ReplaceAll(token, blank_, "");
    return cleans_up_ ? ReplaceAll(CleanUp(std::move(text)), delimiter_, " ") : text;
  }

  const std::string blank_;
  const std::string delimiter_;
  const bool cleans_up_;
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
  if (type == "ByteLevel") return BytesOfByteLevel();
  if (type == "ByteFallback") return BytesOfTokens();
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
    return std::make_unique<FromBpe>(suffix.value_or("</w>"));
  }
  if (type == "CTC") {
    ASSIGN_OR_RETURN(const std::optional<std::string> blank, fields.String("pad_token"));
    ASSIGN_OR_RETURN(const std::optional<std::string> delimiter,
                     fields.String("word_delimiter_token"));
    ASSIGN_OR_RETURN(const std::optional<bool> cleanup, fields.Bool("cleanup"));
    return std::make_unique<FromCtc>(blank.value_or("<pad>"), delimiter.value_or("|"),
                                     cleanup.value_or(true));
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
