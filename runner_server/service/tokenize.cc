#include "runner_server/service/tokenize.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace chorus::runner {

absl::Status Tokenize(const Tokenizer& tokenizer, const runner::v1::TokenizeRequest& request,
                      runner::v1::TokenizeResponse& response) {
  if (request.text().size() > kMaxTokenizedBytes) {
    return FieldError("text", absl::StrCat("must have at most ", kMaxTokenizedBytes,
                                           " bytes: ", request.text().size()));
  }
  if (const size_t at = FindInvalidUtf8(request.text()); at != std::string_view::npos) {
    return FieldError("text", absl::StrCat("is not UTF-8: at byte ", at));
  }
  const absl::StatusOr<std::vector<TokenSpan>> encoded =
      tokenizer.EncodeWithSpans(request.text(), request.split_special_tokens());
  if (!encoded.ok()) return WithField(OfPlace(encoded.status(), "text"), "text");
  const std::vector<TokenSpan>& all = *encoded;
  const size_t offset = std::min<size_t>(request.offset(), all.size());
  const size_t rest = all.size() - offset;
  const size_t count = request.has_limit() ? std::min<size_t>(request.limit(), rest) : rest;
  const auto spans = std::span(all).subspan(offset, count);
  response.set_num_tokens(static_cast<uint32_t>(all.size()));
  if (request.ids_only()) {
    for (const TokenSpan& span : spans) response.add_ids(span.id);
    return absl::OkStatus();
  }
  if (count > kMaxTokensWithPieces) {
    return FieldError(
        "text",
        absl::StrCat("has ", all.size(), " tokens, and a reply at most ", kMaxTokensWithPieces,
                     ", not ", count,
                     ": have them in pages, by limit and offset, or without their pieces, by "
                     "ids_only"));
  }
  for (const TokenSpan& span : spans) {
    runner::v1::Token& token = *response.add_tokens();
    token.set_id(span.id);
    ASSIGN_OR_RETURN(*token.mutable_text(), tokenizer.Decode({&span.id, 1}));
    token.set_begin(static_cast<uint32_t>(span.begin));
    token.set_end(static_cast<uint32_t>(span.end));
  }
  return absl::OkStatus();
}

absl::Status Detokenize(const Tokenizer& tokenizer, const runner::v1::DetokenizeRequest& request,
                        runner::v1::DetokenizeResponse& response) {
  if (request.ids_size() > kMaxDetokenizedIds) {
    return FieldError("ids", absl::StrCat("must hold at most ", kMaxDetokenizedIds,
                                          " ids: ", request.ids_size()));
  }
  size_t num_bytes = 0;
  const auto vocab_size = static_cast<uint32_t>(tokenizer.vocab_size());
  for (int i = 0; i < request.ids_size(); ++i) {
    if (request.ids(i) >= vocab_size) {
      return FieldError(absl::StrCat("ids[", i, "]"),
                        absl::StrCat("must be below ", vocab_size, ": ", request.ids(i)));
    }
    const auto id = static_cast<int32_t>(request.ids(i));
    const absl::StatusOr<std::string> text = tokenizer.Decode({&id, 1});
    if (!text.ok()) {
      const std::string field = absl::StrCat("ids[", i, "]");
      return WithField(OfPlace(text.status(), field), field);
    }
    num_bytes += text->size();
    if (num_bytes > kMaxDetokenizedBytes) {
      return FieldError("ids", absl::StrCat("must stand for at most ", kMaxDetokenizedBytes,
                                            " bytes of text, and the first ", i + 1, " of ",
                                            request.ids_size(), " are more: send fewer at once"));
    }
  }
  absl::StatusOr<std::string> text =
      tokenizer.Decode(std::vector<int32_t>(request.ids().begin(), request.ids().end()));
  if (!text.ok()) return WithField(OfPlace(text.status(), "ids"), "ids");
  response.set_text(*std::move(text));
  return absl::OkStatus();
}

}  // namespace chorus::runner
