#include "cli/answer.h"

#include <algorithm>
#include <iostream>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

constexpr uint32_t kDefaultMaxLength = 128;
constexpr uint32_t kDefaultTopK = 50;

using Write = std::function<bool(std::string_view)>;

absl::Status ReaderGone() { return absl::CancelledError("nobody reads the answer"); }

uint64_t RandomSeed() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

runner::v1::GenerateRequest MakeRequest(const AnswerOptions& options) {
  runner::v1::GenerateRequest request;
  request.set_text(options.text);
  request.set_max_length(options.max_length.value_or(kDefaultMaxLength));
  request.set_max_new_tokens(options.max_new_tokens.value_or(0));
  runner::v1::SamplingParams& sampling = *request.mutable_sampling();
  sampling.set_do_sample(options.do_sample.value_or(true));
  sampling.set_temperature(options.temperature.value_or(1.0));
  sampling.set_top_k(options.top_k.value_or(kDefaultTopK));
  sampling.set_top_p(options.top_p.value_or(1.0));
  sampling.set_seed(options.seed ? *options.seed : RandomSeed());
  return request;
}

absl::Status PrintText(RunnerSession& session, const AnswerOptions& options, const Write& write,
                       std::stop_token stop) {
  // The prompt waits for the first token, so that a request that is refused prints nothing.
  bool is_started = false;
  bool is_read = true;
  const auto on_text = [&](std::string_view text) {
    if (!is_started) is_read = write(options.text);
    is_started = true;
    return is_read = is_read && write(text);
  };
  const absl::Status status = session.Generate(MakeRequest(options), on_text, stop).status();
  if (!is_read) return ReaderGone();
  if (!is_started && status.ok()) on_text("");
  if (is_started) is_read = is_read && write("\n");
  RETURN_IF_ERROR(status);
  return is_read ? absl::OkStatus() : ReaderGone();
}

void WarnIfCut(const runner::v1::Classification& result) {
  if (result.text_tokens() <= result.num_tokens()) return;
  std::cerr << "chorus: the text has " << result.text_tokens() << " tokens and the model reads "
            << result.num_tokens() << ": the label is of its beginning" << std::endl;
}

absl::Status PrintLabel(RunnerSession& session, const AnswerOptions& options, const Write& write,
                        std::stop_token stop) {
  if (options.max_length || options.max_new_tokens || options.do_sample || options.temperature ||
      options.top_k || options.top_p || options.seed) {
    return absl::InvalidArgumentError(
        "the model is a classifier: it takes a text and no parameters of generation");
  }
  ASSIGN_OR_RETURN(const runner::v1::ClassifyResponse response,
                   session.Classify(options.text, stop));
  if (response.results_size() != 1 || response.labels_size() == 0 ||
      response.results(0).probabilities_size() != response.labels_size()) {
    return absl::InternalError("the runner's answer does not fit its labels");
  }
  WarnIfCut(response.results(0));
  const auto& probabilities = response.results(0).probabilities();
  const auto best = std::max_element(probabilities.begin(), probabilities.end());
  const int index = static_cast<int>(best - probabilities.begin());
  return write(absl::StrFormat("%s %.4f\n", response.labels(index), *best)) ? absl::OkStatus()
                                                                            : ReaderGone();
}

}  // namespace

absl::Status PrintAnswer(RunnerSession& session, const AnswerOptions& options, const Write& write,
                         std::stop_token stop) {
  ASSIGN_OR_RETURN(const runner::v1::GetModelInfoResponse info, session.WaitUntilReady(stop));
  switch (info.task()) {
    case runner::v1::TASK_GENERATE:
      return PrintText(session, options, write, stop);
    case runner::v1::TASK_CLASSIFY:
      return PrintLabel(session, options, write, stop);
    default:
      return absl::InternalError(absl::StrCat("the runner's task is not known: ", info.task()));
  }
}

}  // namespace chorus
