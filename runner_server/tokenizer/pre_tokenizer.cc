#include "runner_server/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/byte_level_splitter.h"
#include "runner_server/tokenizer/json_fields.h"
#include "runner_server/tokenizer/metaspace.h"
#include "runner_server/tokenizer/pre_tokens.h"
#include "runner_server/tokenizer/run_splitter.h"
#include "runner_server/tokenizer/split_behavior.h"
#include "runner_server/tokenizer/text_pattern.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using PreTokenizerOr = absl::StatusOr<std::unique_ptr<PreTokenizer>>;

constexpr int kMaxDepth = 8;

// Splits every word on its own, at what a derived class finds.
class Splitter : public PreTokenizer {
 public:
  absl::Status Split(PreTokens& tokens) const final {
    std::vector<PreTokens::Word> words;
    WordCollector collector(behavior_, words);
    const std::string_view text = tokens.text.text();
    for (const PreTokens::Word& word : tokens.words) {
      SplitWord(text.substr(word.begin, word.end - word.begin), word.begin, tokens.text.budget(),
                collector);
      collector.Finish();
    }
    tokens.words = std::move(words);
    return absl::OkStatus();
  }

 protected:
  explicit Splitter(SplitBehavior behavior) : behavior_(behavior) {}

 private:
  // `begin` is the word's place.
  virtual void SplitWord(std::string_view word, size_t begin, TextBudget& budget,
                         WordCollector& collector) const = 0;

  const SplitBehavior behavior_;
};

class PatternSplitter final : public Splitter {
 public:
  PatternSplitter(TextPattern pattern, SplitBehavior behavior, bool invert)
      : Splitter(behavior), pattern_(std::move(pattern)), invert_(invert) {}

 private:
  void SplitWord(std::string_view word, size_t begin, TextBudget& budget,
                 WordCollector& collector) const override {
    pattern_.VisitParts(word, budget, [&](size_t part_begin, size_t part_end, bool is_match) {
      collector.Add(begin + part_begin, begin + part_end, is_match != invert_);
    });
  }

  const TextPattern pattern_;
  const bool invert_;
};

// Splits at characters, each a delimiter.
template <typename IsDelimiter>
class CharacterSplitter final : public Splitter {
 public:
  CharacterSplitter(IsDelimiter is_delimiter, SplitBehavior behavior)
      : Splitter(behavior), is_delimiter_(is_delimiter) {}

 private:
  void SplitWord(std::string_view word, size_t begin, TextBudget& /*budget*/,
                 WordCollector& collector) const override {
    size_t done = 0;
    for (size_t i = 0; i < word.size();) {
      const Utf8Step step = DecodeUtf8(word.substr(i));
      const size_t end = i + step.num_bytes;
      if (is_delimiter_(step.code_point)) {
        if (done < i) collector.Add(begin + done, begin + i, /*is_delimiter=*/false);
        collector.Add(begin + i, begin + end, /*is_delimiter=*/true);
        done = end;
      }
      i = end;
    }
    if (done < word.size()) collector.Add(begin + done, begin + word.size(), false);
  }

  const IsDelimiter is_delimiter_;
};

template <typename IsDelimiter>
std::unique_ptr<PreTokenizer> SplitAt(IsDelimiter is_delimiter, SplitBehavior behavior) {
  return std::make_unique<CharacterSplitter<IsDelimiter>>(is_delimiter, behavior);
}

std::unique_ptr<PreTokenizer> SplitAtTrait(CharacterTrait trait, SplitBehavior behavior) {
  return SplitAt([trait](char32_t c) { return HasTrait(c, trait); }, behavior);
}

uint16_t WordClass(char32_t c) {
  const uint16_t traits = CharacterTraits(c);
  if (traits & kIsWord) return 1;
  return traits & kIsSpace ? 0 : 2;
}

uint16_t BertClass(char32_t c) {
  const uint16_t traits = CharacterTraits(c);
  if (traits & kIsSpace) return 0;
  return traits & kIsBertPunctuation ? kAlone : 1;
}

uint16_t ScriptClass(char32_t c) {
  const uint8_t script = ScriptOf(c);
  return script == 0 ? kAny : script;
}

// Splits by an expression that matches all of a text, by its hand-written matcher.
class PatternWords final : public PreTokenizer {
 public:
  explicit PatternWords(PreTokenPattern pattern) : pattern_(pattern) {}

  absl::Status Split(PreTokens& tokens) const override {
    SplitByPattern(pattern_, tokens);
    return absl::OkStatus();
  }

 private:
  const PreTokenPattern pattern_;
};

class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(size_t length) : length_(length) {}

  absl::Status Split(PreTokens& tokens) const override {
    std::vector<PreTokens::Word> words;
    const std::string_view text = tokens.text.text();
    for (const PreTokens::Word& word : tokens.words) {
      size_t begin = word.begin;
      size_t count = 0;
      for (size_t i = word.begin; i < word.end;) {
        i += DecodeUtf8(text.substr(i)).num_bytes;
        if (++count % length_ != 0) continue;
        PreTokens::Add(words, begin, i);
        begin = i;
      }
      PreTokens::Add(words, begin, word.end);
    }
    tokens.words = std::move(words);
    return absl::OkStatus();
  }

 private:
  const size_t length_;
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> members)
      : members_(std::move(members)) {}

  absl::Status Split(PreTokens& tokens) const override {
    for (const auto& member : members_) RETURN_IF_ERROR(member->Split(tokens));
    return absl::OkStatus();
  }
  bool spells_bytes() const override {
    return !members_.empty() && members_.back()->spells_bytes() &&
           std::none_of(members_.begin(), members_.end() - 1,
                        [](const auto& member) { return member->spells_bytes(); });
  }
  void LeaveBytes() override { members_.back()->LeaveBytes(); }
  bool needs_origins() const override {
    return std::any_of(members_.begin(), members_.end(),
                       [](const auto& member) { return member->needs_origins(); });
  }

 private:
  const std::vector<std::unique_ptr<PreTokenizer>> members_;
};

absl::StatusOr<SplitBehavior> BehaviorOf(const JsonFields& fields) {
  ASSIGN_OR_RETURN(const std::optional<std::string> name, fields.String("behavior"));
  const auto behavior = SplitBehaviorFromName(name.value_or("isolated"));
  if (!behavior) return fields.Unimplemented("behavior");
  return *behavior;
}

PreTokenizerOr PatternFromJson(const JsonFields& fields) {
  ASSIGN_OR_RETURN(TextPattern pattern, TextPattern::FromJson(fields));
  ASSIGN_OR_RETURN(const SplitBehavior behavior, BehaviorOf(fields));
  ASSIGN_OR_RETURN(const std::optional<bool> invert, fields.Bool("invert"));
  const JsonFields spelled(fields.Value("pattern"), fields.what());
  ASSIGN_OR_RETURN(const std::optional<std::string> regex, spelled.String("Regex"));
  if (const auto known = PreTokenPatternFromText(regex.value_or(""));
      known && behavior == SplitBehavior::kIsolated) {
    return std::make_unique<PatternWords>(*known);
  }
  return std::make_unique<PatternSplitter>(std::move(pattern), behavior, invert.value_or(false));
}

PreTokenizerOr ByteLevelFromJson(const JsonFields& fields) {
  ASSIGN_OR_RETURN(const std::optional<bool> prefix, fields.Bool("add_prefix_space"));
  ASSIGN_OR_RETURN(const std::optional<bool> use_regex, fields.Bool("use_regex"));
  return std::make_unique<ByteLevelSplitter>(
      ByteLevelSplitter::Options{prefix.value_or(true), use_regex.value_or(true)});
}

PreTokenizerOr DelimiterFromJson(const JsonFields& fields) {
  ASSIGN_OR_RETURN(const std::optional<std::string> delimiter, fields.String("delimiter"));
  const std::string text = delimiter.value_or("");
  if (text.empty() || DecodeUtf8(text).num_bytes != text.size()) {
    return fields.Error("\"delimiter\" must be one character");
  }
  return SplitAt([c = DecodeUtf8(text).code_point](char32_t other) { return other == c; },
                 SplitBehavior::kRemoved);
}

PreTokenizerOr FromJson(const json& object, const std::string& what, int depth);

PreTokenizerOr SequenceFromJson(const JsonFields& fields, int depth) {
  const json& list = fields.Value("pretokenizers");
  if (!list.is_array() || depth == kMaxDepth) return fields.Unimplemented("pretokenizers");
  std::vector<std::unique_ptr<PreTokenizer>> members;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string what = absl::StrFormat("%s.pretokenizers[%d]", fields.what(), i);
    ASSIGN_OR_RETURN(std::unique_ptr<PreTokenizer> member, FromJson(list[i], what, depth + 1));
    if (member == nullptr) return fields.Error("\"pretokenizers\" holds null");
    members.push_back(std::move(member));
  }
  return std::make_unique<Sequence>(std::move(members));
}

PreTokenizerOr FromJson(const json& object, const std::string& what, int depth) {
  if (object.is_null()) return nullptr;
  const JsonFields fields(object, what);
  ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("type"));
  if (type == "Sequence") return SequenceFromJson(fields, depth);
  if (type == "ByteLevel") return ByteLevelFromJson(fields);
  if (type == "BertPreTokenizer") return std::make_unique<RunSplitter<BertClass>>();
  if (type == "Whitespace") return std::make_unique<RunSplitter<WordClass>>();
  if (type == "UnicodeScripts") return std::make_unique<RunSplitter<ScriptClass>>();
  if (type == "WhitespaceSplit") return SplitAtTrait(kIsSpace, SplitBehavior::kRemoved);
  if (type == "Split") return PatternFromJson(fields);
  if (type == "CharDelimiterSplit") return DelimiterFromJson(fields);
  if (type == "Metaspace") {
    ASSIGN_OR_RETURN(const Metaspace metaspace, Metaspace::FromJson(fields));
    return std::make_unique<MetaspaceSplitter>(metaspace);
  }
  if (type == "Punctuation") {
    ASSIGN_OR_RETURN(const SplitBehavior behavior, BehaviorOf(fields));
    return SplitAtTrait(kIsBertPunctuation, behavior);
  }
  if (type == "Digits") {
    ASSIGN_OR_RETURN(const std::optional<bool> individual, fields.Bool("individual_digits"));
    return SplitAtTrait(kIsNumeric, individual.value_or(false) ? SplitBehavior::kIsolated
                                                               : SplitBehavior::kContiguous);
  }
  if (type == "FixedLength") {
    ASSIGN_OR_RETURN(const std::optional<int32_t> length, fields.Id("length"));
    if (length == 0) return fields.Unimplemented("length");
    return std::make_unique<FixedLength>(length.value_or(5));
  }
  return fields.Unimplemented("type");
}

}  // namespace

PreTokenizerOr PreTokenizerFromJson(const json& object, const std::string& what) {
  return FromJson(object, what, /*depth=*/0);
}

}  // namespace chorus::runner
