#include "runner_server/tokenizer/tokenizer_fit.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/quote.h"
#include "base/status_macros.h"
#include "runner_server/tokenizer/load_tokenizer.h"

namespace chorus::runner {
namespace {

// Many embeddings have rows that no token uses, up to a multiple of a power of two: models are
// padded so for speed, and some (Qwen2's) reserve a few hundred more for tokens to come.
bool IsPadding(int num_unused, int num_rows) {
  constexpr int kLeastMultiple = 8;
  constexpr int kMostMultiple = 1024;
  constexpr int kReservingMultiple = 64;
  const int multiple = num_rows & -num_rows;  // The largest power of two that num_rows is one of.
  int most_padding = multiple < kLeastMultiple ? 0 : std::min(multiple, kMostMultiple) - 1;
  if (multiple >= kReservingMultiple) most_padding = std::max(most_padding, num_rows / 200);
  return num_unused <= most_padding;
}

constexpr char kRemedy[] =
    "give the model a row for it (resize_token_embeddings of transformers), train it, and save "
    "both together";

std::optional<int32_t> FirstWithoutRow(std::span<const int32_t> ids, int num_rows) {
  const auto past = std::ranges::find_if(ids, [&](int32_t id) { return id >= num_rows; });
  return past == ids.end() ? std::nullopt : std::optional(*past);
}

std::string WithoutRow(const Tokenizer& tokenizer, int32_t id, int num_rows) {
  return absl::StrCat("the token ", QuoteForMessage(tokenizer.Decode({&id, 1}).value_or("")),
                      " has id ", id, ", and the model's embedding ends before ", num_rows,
                      " (vocab_size in config.json): it is a token of the tokenizer alone");
}

}  // namespace

absl::Status CheckTokenizer(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                            const TokenizerUse& use) {
  const int num_tokens = tokenizer.vocab_size();
  // transformers takes any number of spare rows, and some models have thousands.
  if (!IsPadding(use.num_rows - num_tokens, use.num_rows) && VocabularyEndsInsideALine(folder)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: the vocabulary has %d tokens, and vocab_size in config.json is %d, which padding does "
        "not explain, and the last line of vocab.txt has no end: it has been cut short; fetch it "
        "again, or if it is whole end its last line",
        folder.string(), num_tokens, use.num_rows));
  }
  if (use.generates && tokenizer.bytes() == nullptr) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: the tokenizer's tokens are not bytes of a text, as those of a model that generates "
        "must be",
        folder.string()));
  }
  ASSIGN_OR_RETURN(const std::vector<int32_t> frame,
                   tokenizer.Encode("", /*split_special_tokens=*/false));
  if (const auto past = FirstWithoutRow(frame, use.num_rows)) {
    return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": ",
                                                   WithoutRow(tokenizer, *past, use.num_rows),
                                                   ", and it is put around every text; take the "
                                                   "tokenizer that the model was trained with, or ",
                                                   kRemedy));
  }
  return absl::OkStatus();
}

absl::Status CheckHasRows(const Tokenizer& tokenizer, std::span<const int32_t> ids, int num_rows) {
  const std::optional<int32_t> past = FirstWithoutRow(ids, num_rows);
  if (!past) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(WithoutRow(tokenizer, *past, num_rows), "; leave it out, or ", kRemedy));
}

}  // namespace chorus::runner
