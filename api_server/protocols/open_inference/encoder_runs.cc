#include "api_server/protocols/open_inference/encoder_runs.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api_server/protocols/open_inference/parameters.h"
#include "base/status_macros.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {
namespace {

constexpr char kTextPair[] = "text_pair";

std::vector<OutputTensor> ToTensors(const v1::ClassifyResponse& response) {
  std::vector<std::string> labels;
  std::vector<double> best, scores;
  for (const v1::Classification& result : response.results()) {
    labels.push_back(result.label());
    best.push_back(result.score());
    for (const v1::LabelScore& label : result.scores()) scores.push_back(label.score());
  }
  const int64_t num_texts = response.results_size();
  const int64_t num_labels = std::ssize(scores) / std::max<int64_t>(num_texts, 1);
  return {{.name = "label", .shape = {num_texts}, .values = std::move(labels)},
          {.name = "score", .shape = {num_texts}, .values = std::move(best)},
          {.name = "scores", .shape = {num_texts, num_labels}, .values = std::move(scores)}};
}

std::vector<OutputTensor> ToTensors(const v1::EmbedResponse& response) {
  std::vector<float> values;
  for (const v1::Embedding& result : response.results()) {
    values.insert(values.end(), result.values().begin(), result.values().end());
  }
  const int64_t num_texts = response.results_size();
  const int64_t size = std::ssize(values) / std::max<int64_t>(num_texts, 1);
  return {{.name = "embedding", .shape = {num_texts, size}, .values = std::move(values)}};
}

template <typename Response>
auto Tell(OutputsDone done) {
  return [done = std::move(done)](absl::StatusOr<Response> response) mutable {
    if (!response.ok()) return std::move(done)(std::move(response).status());
    std::move(done)(ToTensors(*response));
  };
}

}  // namespace

absl::Status RunClassifier(InferenceHandler& service, const InferRequest& request, Call call,
                           OutputsDone done) {
  RETURN_IF_ERROR(CheckInputs(request, {kTextInput, kTextPair}));
  v1::ClassifyRequest classify;
  RETURN_IF_ERROR(SetParameters(request.parameters, classify));
  classify.set_model(request.model);
  for (const std::string& text : *FindInput(request, kTextInput)) classify.add_texts(text);
  if (const std::vector<std::string>* pairs = FindInput(request, kTextPair)) {
    for (const std::string& text : *pairs) classify.add_text_pairs(text);
  }
  return service.Classify(std::move(classify), std::move(call),
                          Tell<v1::ClassifyResponse>(std::move(done)));
}

absl::Status RunEmbedder(InferenceHandler& service, const InferRequest& request, Call call,
                         OutputsDone done) {
  RETURN_IF_ERROR(CheckInputs(request, {kTextInput}));
  v1::EmbedRequest embed;
  RETURN_IF_ERROR(SetParameters(request.parameters, embed));
  embed.set_model(request.model);
  for (const std::string& text : *FindInput(request, kTextInput)) embed.add_texts(text);
  return service.Embed(std::move(embed), std::move(call), Tell<v1::EmbedResponse>(std::move(done)));
}

}  // namespace chorus::gateway
