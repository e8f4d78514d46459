#include "cli/run/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/generation_params.h"
#include "base/status_macros.h"
#include "cli/run/encoder_answer.h"

namespace chorus {
namespace {

using Write = std::function<bool(std::string_view)>;

absl::Status ReaderGone() { return absl::CancelledError("nobody reads the answer"); }

uint64_t RandomSeed() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

absl::StatusOr<runner::v1::GenerateRequest> MakeRequest(const std::string& text,
                                                        const v1::GenerationParams& params) {
  v1::GenerationParams merged = DefaultParams();
  Override(params, merged);
  if (merged.num_return_sequences() > 1 && IsGreedy(merged)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "num_return_sequences must be 1 without sampling, which makes one text again and again: ",
        merged.num_return_sequences()));
  }
  runner::v1::GenerateRequest request;
  request.set_text(text);
  *request.mutable_params() = params;
  if (!params.has_seed()) request.mutable_params()->set_seed(RandomSeed());
  return request;
}

// Writes the text as it comes.
absl::Status StreamText(RunnerSession& session, const runner::v1::GenerateRequest& request,
                        const Write& write, std::stop_token stop) {
  // The prompt waits for the first token, so that a request that is refused prints nothing.
  bool is_started = false;
  bool is_read = true;
  const auto on_text = [&](std::string_view text) {
    if (!is_started) is_read = write(request.text());
    is_started = true;
    return is_read = is_read && write(text);
  };
  const absl::Status status = session.Generate(request, on_text, std::move(stop)).status();
  if (!is_read) return ReaderGone();
  if (!is_started && status.ok()) on_text("");
  if (is_started) is_read = is_read && write("\n");
  RETURN_IF_ERROR(status);
  return is_read ? absl::OkStatus() : ReaderGone();
}

// A text and what there is to say of it.
absl::StatusOr<nlohmann::ordered_json> GenerateJson(RunnerSession& session,
                                                    const runner::v1::GenerateRequest& request,
                                                    std::stop_token stop) {
  std::string text = request.text();
  ASSIGN_OR_RETURN(const v1::GenerationEnd finished, session.Generate(
                                                         request,
                                                         [&text](std::string_view piece) {
                                                           text += piece;
                                                           return true;
                                                         },
                                                         std::move(stop)));
  return nlohmann::ordered_json{{"generated", text},
                                {"finish_reason", v1::FinishReason_Name(finished.reason())},
                                {"prompt_tokens", finished.prompt_tokens()},
                                {"generated_tokens", finished.generated_tokens()},
                                {"seed", std::to_string(request.params().seed())}};
}

absl::Status PrintTexts(RunnerSession& session, const std::string& text,
                        const AnswerOptions& options, const Write& write, std::stop_token stop) {
  ASSIGN_OR_RETURN(runner::v1::GenerateRequest request, MakeRequest(text, options.params));
  nlohmann::ordered_json reply;
  const uint32_t num_texts = std::max(options.params.num_return_sequences(), 1u);
  for (uint32_t i = 0; i < num_texts; ++i) {
    request.set_sequence(i);
    if (!options.json) {
      RETURN_IF_ERROR(StreamText(session, request, write, stop));
      continue;
    }
    ASSIGN_OR_RETURN(nlohmann::ordered_json generated, GenerateJson(session, request, stop));
    if (i == 0) {
      reply = std::move(generated);
    } else {  // What is the same of all is said once.
      generated.erase("prompt_tokens");
      generated.erase("seed");
      reply["others"].push_back(std::move(generated));
    }
  }
  if (!options.json || write(JsonLine(reply))) return absl::OkStatus();
  return ReaderGone();
}

}  // namespace

std::string JsonLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::Status PrintAnswer(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options, const Write& write, std::stop_token stop) {
  ASSIGN_OR_RETURN(const runner::v1::GetModelInfoResponse info, session.WaitUntilReady(stop));
  switch (info.task()) {
    case runner::v1::TASK_GENERATE:
      if (options.text_pair) {
        return absl::InvalidArgumentError("the model is a generator: it continues one text");
      }
      return PrintTexts(session, text, options, write, stop);
    case runner::v1::TASK_CLASSIFY:
      return PrintScores(session, text, options, write, stop);
    case runner::v1::TASK_EMBED:
      return PrintVector(session, text, options, write, stop);
    default:
      return absl::InternalError(absl::StrCat("the runner's task is not known: ", info.task()));
  }
}

}  // namespace chorus
