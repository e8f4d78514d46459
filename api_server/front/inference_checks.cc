#include "api_server/front/inference_checks.h"

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/limits.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace chorus::gateway {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;

absl::Status CheckUtf8(const char* field, const Texts& texts) {
  for (int i = 0; i < texts.size(); ++i) {
    RETURN_IF_ERROR(CheckText(absl::StrCat(field, "[", i, "]"), texts[i]));
  }
  return absl::OkStatus();
}

absl::Status CheckTexts(const Texts& texts) {
  if (texts.empty() || texts.size() > kMaxTexts) {
    return FieldError("texts",
                      absl::StrCat("must have 1 to ", kMaxTexts, " entries: ", texts.size()));
  }
  return CheckUtf8("texts", texts);
}

// INVALID_ARGUMENT unless `field`, if set, names a value of its enum other than UNSPECIFIED.
template <typename Enum>
absl::Status CheckEnum(const char* field, bool is_set, Enum value, bool is_valid) {
  if (!is_set || (is_valid && value != 0)) return absl::OkStatus();
  return FieldError(field, absl::StrCat("is unknown: ", static_cast<int>(value)));
}

}  // namespace

absl::Status CheckText(const std::string& field, std::string_view text) {
  const size_t bad = FindInvalidUtf8(text);
  if (bad == std::string_view::npos) return absl::OkStatus();
  return FieldError(field, absl::StrCat("must be UTF-8; it is not at byte ", bad));
}

absl::Status CheckClassify(const v1::ClassifyRequest& request) {
  RETURN_IF_ERROR(CheckTexts(request.texts()));
  RETURN_IF_ERROR(CheckUtf8("text_pairs", request.text_pairs()));
  if (!request.text_pairs().empty() && request.text_pairs_size() != request.texts_size()) {
    return FieldError("text_pairs",
                      absl::StrCat("must be empty or have as many entries as texts, ",
                                   request.texts_size(), ": ", request.text_pairs_size()));
  }
  return CheckEnum("score_kind", request.has_score_kind(), request.score_kind(),
                   v1::ScoreKind_IsValid(request.score_kind()));
}

absl::Status CheckEmbed(const v1::EmbedRequest& request) {
  RETURN_IF_ERROR(CheckTexts(request.texts()));
  if (request.has_dimensions() && request.dimensions() == 0) {
    return FieldError("dimensions", "must be at least 1: 0");
  }
  return CheckEnum("format", request.has_format(), request.format(),
                   v1::EmbeddingFormat_IsValid(request.format()));
}

}  // namespace chorus::gateway
