#include "runner_server/engine/length_limit.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/generation_params.h"

namespace chorus::runner {
namespace {

absl::Status TooLong(const char* field, const std::string& message) {
  return WithField(absl::InvalidArgumentError(message), field);
}

}  // namespace

absl::Status CheckLengthLimit(const LengthLimit& limit) {
  if (!limit.max_new_tokens.has_value() &&
      limit.max_length > static_cast<uint32_t>(limit.context_size)) {
    return FieldError("max_length",
                      absl::StrCat("must be at most ", limit.context_size, ": ", limit.max_length));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> MaxTokens(const LengthLimit& limit, int num_prompt_tokens) {
  const int least = num_prompt_tokens + (limit.max_new_tokens == 0 ? 0 : 1);
  if (least > limit.context_size) {
    return TooLong("text", absl::StrCat("the prompt has ", num_prompt_tokens,
                                        " tokens, the model's context is ", limit.context_size,
                                        ": shorten the prompt"));
  }
  if (least > limit.kv_capacity) {
    return TooLong("text",
                   absl::StrCat("the prompt has ", num_prompt_tokens,
                                " tokens, the runner's KV cache has memory for ", limit.kv_capacity,
                                " (--kv_cache_bytes): shorten the prompt"));
  }
  const int most = std::min(limit.context_size, limit.kv_capacity);
  if (limit.max_new_tokens.has_value()) {
    return static_cast<int>(
        std::min<int64_t>(int64_t{num_prompt_tokens} + *limit.max_new_tokens, most));
  }
  const uint32_t max_length =
      limit.max_length > 0
          ? limit.max_length
          : std::min(DefaultParams().max_length(), static_cast<uint32_t>(limit.context_size));
  if (static_cast<uint32_t>(num_prompt_tokens) >= max_length) {
    return TooLong(
        "max_length",
        absl::StrCat(
            "the prompt has ", num_prompt_tokens, " tokens, max_length is ", max_length,
            " (prompt and new tokens; 128 where neither request nor graph gives it): shorten the "
            "prompt, "
            "raise max_length, to at most ",
            limit.context_size, ", or give max_new_tokens"));
  }
  return std::min(static_cast<int>(max_length), most);
}

}  // namespace chorus::runner
