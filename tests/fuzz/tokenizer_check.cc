#include "tests/fuzz/tokenizer_check.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus {
namespace {

using runner::Tokenizer;
using runner::TokenSpan;

void CheckText(const Tokenizer& tokenizer, const std::string& text) {
  const auto is_known = [&](int32_t id) { return id >= 0 && id < tokenizer.vocab_size(); };
  std::vector<int32_t> ids;
  const auto spans = tokenizer.EncodeWithSpans(text, /*split_special_tokens=*/false);
  if (!spans.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(spans.status()));
    return;
  }
  for (const TokenSpan& span : *spans) {
    FUZZ_ASSERT(is_known(span.id));
    FUZZ_ASSERT(span.begin <= span.end && span.end <= text.size());
    ids.push_back(span.id);
  }
  const absl::StatusOr<std::string> decoded = tokenizer.Decode(ids);
  FUZZ_ASSERT(decoded.ok() ? IsValidUtf8(*decoded) : absl::IsInvalidArgument(decoded.status()));
  const auto all = tokenizer.EncodeInput(text, std::nullopt, false, SIZE_MAX);
  FUZZ_ASSERT(all.ok() && all->ids == tokenizer.Encode(text, false).value());
  const auto pair = tokenizer.EncodeInput(text, "a b", true, 16);
  FUZZ_ASSERT(pair.ok()
                  ? pair->ids.size() == pair->type_ids.size() && pair->ids.size() <= pair->full_size
                  : absl::IsInvalidArgument(pair.status()));
  for (const int32_t id : all->ids) FUZZ_ASSERT(is_known(id));
  if (tokenizer.bytes() == nullptr) return;
  runner::Detokenizer detokenizer(*tokenizer.bytes());
  std::string streamed;
  for (const int32_t id : all->ids) streamed += detokenizer.Append(id);
  FUZZ_ASSERT(IsValidUtf8(streamed + detokenizer.Finish()));
}

}  // namespace

void CheckTokenizer(const Tokenizer& tokenizer) {
  for (const std::string_view text :
       {"", " Hello  the world's\n",
        "caf\u00e9 e\u0301 \u6771\u4eac \U0001f469\u200d\U0001f467 12.5",
        "<s>a</s> <0x0A>\u2581\u2581",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}) {
    CheckText(tokenizer, std::string(text));
  }
}

}  // namespace chorus
