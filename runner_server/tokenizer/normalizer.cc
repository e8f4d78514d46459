#include "runner_server/tokenizer/normalizer.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/bert_normalizer.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/charsmap.h"
#include "runner_server/tokenizer/json_fields.h"
#include "runner_server/tokenizer/text_pattern.h"
#include "runner_server/tokenizer/unicode.h"
#include "runner_server/tokenizer/unicode_normal_form.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using NormalizerOr = absl::StatusOr<std::unique_ptr<Normalizer>>;

constexpr int kMaxDepth = 8;

// Puts what `change` makes of each character in its place.
absl::Status ChangeCharacters(AlignedText& text,
                              absl::FunctionRef<void(char32_t c, std::u32string& out)> change) {
  AlignedText::Rewriter rewriter(text);
  const std::string_view old = text.text();
  std::u32string characters;
  std::string bytes;
  for (size_t i = 0; i < old.size();) {
    const Utf8Step step = DecodeUtf8(old.substr(i));
    characters.clear();
    bytes.clear();
    change(step.code_point, characters);
    for (const char32_t c : characters) AppendUtf8(c, bytes);
    rewriter.Put(bytes, i, i + step.num_bytes);
    i += step.num_bytes;
  }
  return rewriter.Finish();
}

// A normalizer without settings, which is a function.
class Function final : public Normalizer {
 public:
  explicit Function(absl::Status (*function)(AlignedText&)) : function_(function) {}
  absl::Status Normalize(AlignedText& text) const override { return function_(text); }

 private:
  absl::Status (*const function_)(AlignedText&);
};

template <NormalForm kForm>
absl::Status ToForm(AlignedText& text) {
  return Normalize(kForm, text);
}

absl::Status Lowercase(AlignedText& text) { return ChangeCharacters(text, AppendLowerCase); }

absl::Status StripMarks(AlignedText& text) {
  return ChangeCharacters(text, [](char32_t c, std::u32string& out) {
    if (!HasTrait(c, kIsMark)) out.push_back(c);
  });
}

// SentencePiece's rules of neural machine translation.
absl::Status CleanAsNmt(AlignedText& text) {
  return ChangeCharacters(text, [](char32_t c, std::u32string& out) {
    if ((c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
        c == 0x9F) {
      return;
    }
    const bool is_space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                          (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                          c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    out.push_back(is_space ? U' ' : c);
  });
}

class Bert final : public Normalizer {
 public:
  explicit Bert(const BertNormalizer::Options& options) : normalizer_(options) {}
  absl::Status Normalize(AlignedText& text) const override { return normalizer_.Normalize(text); }

 private:
  const BertNormalizer normalizer_;
};

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {}
  absl::Status Normalize(AlignedText& text) const override { return map_.Normalize(text); }

 private:
  const Charsmap map_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  absl::Status Normalize(AlignedText& text) const override {
    if (text.text().empty()) return absl::OkStatus();
    AlignedText::Rewriter rewriter(text);
    rewriter.Put(prefix_, 0, 0);
    rewriter.Keep(0, text.text().size());
    return rewriter.Finish();
  }

 private:
  const std::string prefix_;
};

class Replace final : public Normalizer {
 public:
  Replace(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  absl::Status Normalize(AlignedText& text) const override {
    AlignedText::Rewriter rewriter(text);
    const std::string_view old = text.text();
    pattern_.VisitParts(old, text.budget(), [&](size_t begin, size_t end, bool is_match) {
      if (!is_match) return rewriter.Keep(begin, end);
      // It comes from the last character that it replaces, or the one before it.
      size_t last = end > 0 ? end - 1 : 0;
      while (last > 0 && (static_cast<uint8_t>(old[last]) & 0xC0) == 0x80) --last;
      rewriter.Put(content_, last, end);
    });
    return rewriter.Finish();
  }

 private:
  const TextPattern pattern_;
  const std::string content_;
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  absl::Status Normalize(AlignedText& text) const override {
    const std::string_view old = text.text();
    const size_t end = right_ ? SizeWithoutSpace(old) : old.size();
    const size_t begin = left_ ? NumSpaceBytes(old.substr(0, end)) : 0;
    if (begin == 0 && end == old.size()) return absl::OkStatus();
    AlignedText::Rewriter rewriter(text);
    rewriter.Keep(begin, end);
    return rewriter.Finish();
  }

 private:
  const bool left_;
  const bool right_;
};

class Bytes final : public Normalizer {
 public:
  absl::Status Normalize(AlignedText& text) const override { return SpellBytes(text); }
};

class Sequence final : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> members)
      : members_(std::move(members)) {}
  absl::Status Normalize(AlignedText& text) const override {
    for (const auto& member : members_) RETURN_IF_ERROR(member->Normalize(text));
    return absl::OkStatus();
  }

 private:
  const std::vector<std::unique_ptr<Normalizer>> members_;
};

NormalizerOr BertFromJson(const JsonFields& fields) {
  ASSIGN_OR_RETURN(const std::optional<bool> clean_text, fields.Bool("clean_text"));
  ASSIGN_OR_RETURN(const std::optional<bool> chinese, fields.Bool("handle_chinese_chars"));
  ASSIGN_OR_RETURN(const std::optional<bool> strip_accents, fields.Bool("strip_accents"));
  ASSIGN_OR_RETURN(const std::optional<bool> lowercase, fields.Bool("lowercase"));
  return std::make_unique<Bert>(BertNormalizer::Options{
      clean_text.value_or(true), chinese.value_or(true), strip_accents, lowercase.value_or(true)});
}

NormalizerOr PrecompiledFromJson(const JsonFields& fields) {
  ASSIGN_OR_RETURN(const std::optional<std::string> encoded, fields.String("precompiled_charsmap"));
  std::string bytes;
  if (!absl::Base64Unescape(encoded.value_or(""), &bytes)) {
    return fields.Error("\"precompiled_charsmap\" is not base64");
  }
  auto map = Charsmap::Parse(bytes);
  if (!map.ok()) return fields.Error(std::string(map.status().message()));
  return std::make_unique<Precompiled>(*std::move(map));
}

NormalizerOr FromJson(const json& object, const std::string& what, int depth);

NormalizerOr SequenceFromJson(const JsonFields& fields, int depth) {
  const json& list = fields.Value("normalizers");
  if (!list.is_array() || depth == kMaxDepth) return fields.Unimplemented("normalizers");
  std::vector<std::unique_ptr<Normalizer>> members;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string what = absl::StrFormat("%s.normalizers[%d]", fields.what(), i);
    ASSIGN_OR_RETURN(std::unique_ptr<Normalizer> member, FromJson(list[i], what, depth + 1));
    if (member == nullptr) return fields.Error("\"normalizers\" holds null");
    members.push_back(std::move(member));
  }
  return std::make_unique<Sequence>(std::move(members));
}

NormalizerOr FromJson(const json& object, const std::string& what, int depth) {
  if (object.is_null()) return nullptr;
  const JsonFields fields(object, what);
  ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("type"));
  if (type == "Sequence") return SequenceFromJson(fields, depth);
  if (type == "NFC") return std::make_unique<Function>(ToForm<NormalForm::kNfc>);
  if (type == "NFD") return std::make_unique<Function>(ToForm<NormalForm::kNfd>);
  if (type == "NFKC") return std::make_unique<Function>(ToForm<NormalForm::kNfkc>);
  if (type == "NFKD") return std::make_unique<Function>(ToForm<NormalForm::kNfkd>);
  if (type == "Lowercase") return std::make_unique<Function>(Lowercase);
  if (type == "StripAccents") return std::make_unique<Function>(StripMarks);
  if (type == "Nmt") return std::make_unique<Function>(CleanAsNmt);
  if (type == "ByteLevel") return std::make_unique<Bytes>();
  if (type == "BertNormalizer" || type == "Bert") return BertFromJson(fields);
  if (type == "Precompiled") return PrecompiledFromJson(fields);
  if (type == "Prepend") {
    ASSIGN_OR_RETURN(std::optional<std::string> prefix, fields.String("prepend"));
    return std::make_unique<Prepend>(std::move(prefix).value_or(""));
  }
  if (type == "Replace") {
    ASSIGN_OR_RETURN(TextPattern pattern, TextPattern::FromJson(fields));
    ASSIGN_OR_RETURN(std::optional<std::string> content, fields.String("content"));
    return std::make_unique<Replace>(std::move(pattern), std::move(content).value_or(""));
  }
  if (type == "Strip") {
    ASSIGN_OR_RETURN(const std::optional<bool> left, fields.Bool("strip_left"));
    ASSIGN_OR_RETURN(const std::optional<bool> right, fields.Bool("strip_right"));
    return std::make_unique<Strip>(left.value_or(true), right.value_or(true));
  }
  return fields.Unimplemented("type");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> NormalizerFromJson(const json& object,
                                                               const std::string& what) {
  return FromJson(object, what, /*depth=*/0);
}

}  // namespace chorus::runner
