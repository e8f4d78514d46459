#include "runner_server/tokenizer/text_pattern.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus::runner {
namespace {

constexpr size_t kMaxLiteralBytes = 16384;

}  // namespace

absl::StatusOr<TextPattern> TextPattern::FromJson(const JsonFields& fields) {
  const nlohmann::json& value = fields.Value("pattern");
  if (value.is_object() && value.size() == 1 && value.begin()->is_string()) {
    auto text = value.begin()->get<std::string>();
    const bool is_string = value.contains("String");
    if (is_string && text.size() > kMaxLiteralBytes) {
      return fields.Error(
          absl::StrCat("the string to find has more than ", kMaxLiteralBytes, " bytes"));
    }
    if (is_string && !text.empty()) return TextPattern(std::move(text));
    if (is_string || value.contains("Regex")) {  // The empty string is the empty expression.
      auto regex = RegularExpression::Compile(text);
      if (!regex.ok()) return fields.Error(std::string(regex.status().message()));
      return TextPattern(*std::move(regex));
    }
  }
  return fields.Unimplemented("pattern");
}

void TextPattern::FindAll(std::string_view text, TextBudget& budget,
                          RegularExpression::Visitor visit) const {
  if (regex_) return regex_->FindAll(text, budget, visit);
  for (size_t at = text.find(literal_); at != std::string_view::npos;
       at = text.find(literal_, at + literal_.size())) {
    visit(at, at + literal_.size());
  }
}

void TextPattern::VisitParts(std::string_view text, TextBudget& budget, PartVisitor visit) const {
  size_t end = 0;
  FindAll(text, budget, [&](size_t match_begin, size_t match_end) {
    if (match_begin > end) visit(end, match_begin, /*is_match=*/false);
    visit(match_begin, match_end, /*is_match=*/true);
    end = match_end;
  });
  if (end < text.size()) visit(end, text.size(), /*is_match=*/false);
}

std::string TextPattern::Replace(std::string_view text, std::string_view replacement,
                                 TextBudget& budget, size_t max_bytes) const {
  std::string replaced;
  VisitParts(text, budget, [&](size_t begin, size_t end, bool is_match) {
    if (replaced.size() > max_bytes) return;
    replaced += is_match ? replacement : text.substr(begin, end - begin);
  });
  return replaced;
}

}  // namespace chorus::runner
