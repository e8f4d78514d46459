#include "cli/run/encoder_answer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {
namespace {

// Labels of which any number may apply are printed from here on.
constexpr double kLeastPrinted = 0.5;

absl::Status CheckParams(const AnswerOptions& options, std::string_view kind) {
  v1::GenerationParams generating = options.params;
  generating.clear_split_special_tokens();
  if (generating.ByteSizeLong() == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the model is ", AbslView(kind), ": it takes a text and no parameters of generation"));
}

template <typename Result>
void WarnIfCut(const Result& result, const char* what) {
  if (result.text_tokens() <= result.num_tokens()) return;
  std::cerr << "chorus: the text has " << result.text_tokens() << " tokens and the model reads "
            << result.num_tokens() << ": the " << what << " is of its beginning" << std::endl;
}

template <typename Result>
void AddLength(const Result& result, nlohmann::ordered_json& reply) {
  reply["num_tokens"] = result.text_tokens();
  reply["truncated"] = result.text_tokens() > result.num_tokens();
}

// The shortest number that is this float.
std::string Shortest(float value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.begin(), buffer.end(), value);
  return {buffer.data(), end.ptr};
}

absl::Status Write(const std::function<bool(std::string_view)>& write, const std::string& text) {
  return write(text) ? absl::OkStatus() : absl::CancelledError("nobody reads the answer");
}

// The label with the highest score; of labels of which any number may apply also the other likely
// ones, a line each.
std::string ShownScores(const runner::v1::ClassifyResponse& response) {
  const auto& scores = response.results(0).scores();
  std::vector<int> order;
  for (int i = 0; i < response.labels_size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  const bool has_several = response.score_kind() == v1::SCORE_KIND_SIGMOID;
  std::string text;
  for (const int i : order) {
    if (!text.empty() && !(has_several && scores[i] >= kLeastPrinted)) break;
    absl::StrAppendFormat(&text, "%s %.4f\n", PrintableLine(response.labels(i)), scores[i]);
  }
  return text;
}

std::string JsonOfScores(const runner::v1::ClassifyResponse& response) {
  const runner::v1::Classification& result = response.results(0);
  const auto& scores = result.scores();
  const auto best = std::max_element(scores.begin(), scores.end());
  nlohmann::ordered_json reply{{"label", response.labels(static_cast<int>(best - scores.begin()))},
                               {"score", *best}};
  for (int i = 0; i < response.labels_size(); ++i) {
    reply["scores"].push_back(
        nlohmann::ordered_json{{"label", response.labels(i)}, {"score", scores[i]}});
  }
  AddLength(result, reply);
  if (response.score_kind() != v1::SCORE_KIND_UNSPECIFIED) {
    reply["score_kind"] = v1::ScoreKind_Name(response.score_kind());
  }
  if (response.untrained_head()) reply["untrained_head"] = true;
  return JsonLine(reply);
}

}  // namespace

absl::Status PrintScores(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop) {
  RETURN_IF_ERROR(CheckParams(options, "a classifier"));
  runner::v1::ClassifyRequest request;
  request.add_texts(text);
  if (options.text_pair) request.add_text_pairs(*options.text_pair);
  request.set_split_special_tokens(options.params.split_special_tokens());
  ASSIGN_OR_RETURN(const runner::v1::ClassifyResponse response,
                   session.Classify(request, std::move(stop)));
  if (response.results_size() != 1 || response.labels_size() == 0 ||
      response.results(0).scores_size() != response.labels_size()) {
    return absl::InternalError("the runner's answer does not fit its labels");
  }
  if (response.untrained_head()) {
    std::cerr << "chorus: the model's head has random weights: its scores mean nothing"
              << std::endl;
  }
  if (options.json) return Write(write, JsonOfScores(response));
  WarnIfCut(response.results(0), "label");
  return Write(write, ShownScores(response));
}

absl::Status PrintVector(RunnerSession& session, const std::string& text,
                         const AnswerOptions& options,
                         const std::function<bool(std::string_view)>& write, std::stop_token stop) {
  RETURN_IF_ERROR(CheckParams(options, "an embedder"));
  if (options.text_pair) {
    return absl::InvalidArgumentError("the model is an embedder: it takes one text, and no pair");
  }
  runner::v1::EmbedRequest request;
  request.add_texts(text);
  request.set_split_special_tokens(options.params.split_special_tokens());
  ASSIGN_OR_RETURN(const runner::v1::EmbedResponse response,
                   session.Embed(request, std::move(stop)));
  if (response.results_size() != 1) return absl::InternalError("the runner's answer has no vector");
  const runner::v1::Embedding& result = response.results(0);
  if (options.json) {
    nlohmann::ordered_json reply;
    for (const float value : result.values()) {
      reply["values"].push_back(nlohmann::ordered_json::parse(Shortest(value)));
    }
    AddLength(result, reply);
    return Write(write, JsonLine(reply));
  }
  WarnIfCut(result, "vector");
  std::string line;
  for (const float value : result.values()) {
    absl::StrAppend(&line, line.empty() ? "" : " ", Shortest(value));
  }
  return Write(write, line + "\n");
}

}  // namespace chorus
