#include "api_server/front/inference_messages.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "api_server/front/public_error.h"

namespace chorus::gateway {
namespace {

// Fills the common fields of GenerateResponse and GeneratedText.
template <typename Proto>
void FillText(GraphResult& result, const v1::GenerateRequest& request, Proto& proto) {
  const bool echo = !request.has_echo() || request.echo();
  proto.set_generated(echo ? result.end.prompt() + result.generated
                           : result.generated.substr(result.prompt_bytes));
  proto.set_finish_reason(result.end.reason());
  proto.set_generated_tokens(result.end.generated_tokens());
  if (request.has_logprobs()) {
    proto.mutable_logprobs()->mutable_tokens()->Swap(&result.logprobs);
  }
  if (request.explain()) *proto.mutable_timing() = TimingOf(result);
}

void AppendLittleEndian(float value, std::string& bytes) {
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFF);
}

void SetStatus(const GraphStatus::Node& node, ModelTask task, v1::GraphNode& proto) {
  proto.set_healthy_replicas(static_cast<uint32_t>(node.runner.num_healthy(task)));
  proto.set_replicas(static_cast<uint32_t>(node.runner.replicas.size()));
  proto.set_in_flight(node.stats.in_flight);
  proto.set_recent_calls(node.stats.recent_calls);
  proto.set_recent_failures(node.stats.recent_failures);
  proto.set_recent_caller_errors(node.stats.recent_caller_errors);
  if (node.stats.p50) proto.set_p50_seconds(absl::ToDoubleSeconds(*node.stats.p50));
  if (node.stats.p99) proto.set_p99_seconds(absl::ToDoubleSeconds(*node.stats.p99));
}

}  // namespace

v1::Timing TimingOf(const GraphResult& text) {
  v1::Timing timing;
  timing.set_queue(text.end.timing().queue_seconds());
  timing.set_prefill(text.end.timing().prefill_seconds());
  timing.set_decode(text.end.timing().decode_seconds());
  timing.set_mean_batch_size(text.end.timing().mean_batch_size());
  if (text.classification.results_size() > 0) {
    timing.set_classify(absl::ToDoubleSeconds(text.classify_time));
    timing.set_classify_batch_size(text.classification.max_batch_size());
    if (!text.classification.model_version().empty()) {
      timing.set_classifier_version(text.classification.model_version());
    }
  }
  timing.set_prompt_tokens(text.end.prompt_tokens());
  timing.set_generated_tokens(text.end.generated_tokens());
  timing.set_runner(text.runner);
  if (!text.end.model_version().empty()) timing.set_model_version(text.end.model_version());
  return timing;
}

v1::ScoredText ToScoredText(GraphResult result, bool details, bool explain,
                            std::string_view request_id) {
  v1::ScoredText scored;
  if (!result.status.ok()) {
    *scored.mutable_error() = ToErrorEvent(result.status, request_id);
    return scored;
  }
  v1::Classification classification = ToProto(result.classification, 0);
  if (explain) *scored.mutable_timing() = TimingOf(result);
  scored.set_generated(std::move(result.generated));
  scored.set_score(classification.score());
  if (details) {
    scored.set_label(std::move(*classification.mutable_label()));
    scored.set_model(std::move(result.runner));
    scored.set_finish_reason(result.end.reason());
    scored.set_seed(result.seed);
    scored.set_classified_tokens(classification.num_tokens());
    scored.set_truncated(classification.truncated());
    FillKind(result.classification, scored);
    if (DependOnBatch({&result, 1})) scored.set_bits(v1::BITS_PER_BATCH_SHAPE);
  }
  return scored;
}

v1::GenerateResponse ToGenerateResponse(std::vector<GraphResult> results,
                                        const v1::GenerateRequest& request) {
  v1::GenerateResponse response;
  FillText(results[0], request, response);
  response.set_prompt_tokens(results[0].end.prompt_tokens());
  if (request.prompt_logprobs()) {
    response.mutable_prompt_logprobs()->mutable_tokens()->Swap(&results[0].prompt_logprobs);
  }
  response.set_seed(results[0].seed);
  if (DependOnBatch(results)) response.set_bits(v1::BITS_PER_BATCH_SHAPE);
  for (size_t i = 1; i < results.size(); ++i) {
    FillText(results[i], request, *response.add_others());
  }
  return response;
}

bool DependOnBatch(std::span<const GraphResult> results) {
  return std::ranges::any_of(results, [](const GraphResult& result) {
    return result.end.bits() == v1::BITS_PER_BATCH_SHAPE ||
           result.classification.bits() == v1::BITS_PER_BATCH_SHAPE;
  });
}

CallUsage UsageOf(const std::vector<GraphResult>& results) {
  CallUsage usage = {.first_token_time = absl::InfiniteDuration()};
  for (const GraphResult& result : results) {
    const v1::GenerationEnd& end = result.end;
    if (end.generated_tokens() == 0) continue;
    usage.prompt_tokens += end.prompt_tokens();
    usage.generated_tokens += end.generated_tokens();
    const absl::Duration queue = absl::Seconds(end.timing().queue_seconds());
    usage.queue_time = std::max(usage.queue_time, std::optional(queue));
    usage.first_token_time =
        std::min(usage.first_token_time, queue + absl::Seconds(end.timing().prefill_seconds()));
  }
  return usage;
}

void FillNotes(const std::vector<GraphResult>& results, bool explain, ReplyNotes& notes) {
  notes.usage.Set(UsageOf(results));
  std::vector<std::string> timings;
  const auto add = [&](const GraphResult& result, const char* stage, double seconds) {
    timings.push_back(absl::StrFormat("%s.%s;dur=%.1f", result.runner, stage, seconds * 1000));
  };
  for (const GraphResult& result : results) {
    if (!result.status.ok()) continue;
    if (result.end.reason() == v1::FINISH_REASON_DEADLINE) notes.finish_reason = "deadline";
    if (!explain) continue;
    add(result, "queue", result.end.timing().queue_seconds());
    add(result, "prefill", result.end.timing().prefill_seconds());
    add(result, "decode", result.end.timing().decode_seconds());
    if (result.classification.results_size() > 0) {
      add(result, "classify", absl::ToDoubleSeconds(result.classify_time));
    }
  }
  notes.server_timing = absl::StrJoin(timings, ", ");
}

v1::Classification ToProto(const runner::v1::ClassifyResponse& answer, int index) {
  const runner::v1::Classification& from = answer.results(index);
  const auto top = std::max_element(from.scores().begin(), from.scores().end());
  v1::Classification result;
  result.set_label(answer.labels(static_cast<int>(top - from.scores().begin())));
  result.set_score(*top);
  result.set_num_tokens(std::max(from.text_tokens(), from.num_tokens()));
  result.set_truncated(from.text_tokens() > from.num_tokens());
  for (int i = 0; i < answer.labels_size(); ++i) {
    v1::LabelScore& score = *result.add_scores();
    score.set_label(answer.labels(i));
    score.set_score(from.scores(i));
  }
  return result;
}

v1::TokenizeResponse ToProto(runner::v1::TokenizeResponse answer) {
  v1::TokenizeResponse response;
  response.set_num_tokens(answer.num_tokens());
  response.mutable_ids()->Swap(answer.mutable_ids());
  for (runner::v1::Token& token : *answer.mutable_tokens()) {
    v1::Token& proto = *response.add_tokens();
    proto.set_id(token.id());
    proto.set_text(std::move(*token.mutable_text()));
    proto.set_begin(token.begin());
    proto.set_end(token.end());
  }
  return response;
}

v1::EmbedResponse ToProto(runner::v1::EmbedResponse answer, bool in_bytes) {
  v1::EmbedResponse response;
  for (runner::v1::Embedding& from : *answer.mutable_results()) {
    v1::Embedding& result = *response.add_results();
    if (in_bytes) {
      std::string& data = *result.mutable_data();
      data.reserve(from.values_size() * sizeof(float));
      for (const float value : from.values()) AppendLittleEndian(value, data);
    } else {
      result.mutable_values()->Swap(from.mutable_values());
    }
    result.set_num_tokens(std::max(from.text_tokens(), from.num_tokens()));
    result.set_truncated(from.text_tokens() > from.num_tokens());
  }
  response.set_pooling(answer.pooling());
  response.set_normalized(answer.normalized());
  return response;
}

v1::Graph ToProto(const GraphStatus& status) {
  const std::vector<Graph::Node>& nodes = status.graph->nodes();
  v1::Graph graph;
  graph.set_name(status.graph->name());
  for (size_t i = 0; i < nodes.size(); ++i) {
    v1::GraphNode& node = *graph.add_nodes();
    node.set_name(nodes[i].name);
    v1::NodeKind kind;
    if (v1::NodeKind_Parse(absl::StrCat("NODE_KIND_", absl::AsciiStrToUpper(nodes[i].kind)),
                           &kind)) {
      node.set_kind(kind);
    }
    node.set_runner(nodes[i].runner);
    for (const int input : nodes[i].inputs) node.add_inputs(nodes[input].name);
    if (nodes[i].writes()) node.set_waiting(status.nodes[i].stats.waiting);
    SetStatus(status.nodes[i], nodes[i].operation->task(), node);
  }
  return graph;
}

}  // namespace chorus::gateway
