#include "api_server/graph_metrics.h"

#include <algorithm>

#include "base/duration_buckets.h"

namespace chorus::gateway {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets kStageBuckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                               0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};
const Buckets kFirstTokenBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                    0.25,  0.5,    1.0,   2.5,  5.0,   10.0, 30.0};
const Buckets kInterTokenBuckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02,
                                    0.05,   0.1,   0.2,    0.5,   1.0,  2.5};

}  // namespace

GraphMetrics::GraphMetrics(prometheus::Registry& registry, const std::vector<std::string>& runners,
                           absl::Duration max_timeout)
    : stages_(prometheus::BuildHistogram()
                  .Name("chorus_stage_seconds")
                  .Help("Where the time of graph calls went")
                  .Register(registry)),
      stage_buckets_(DurationBuckets(kStageBuckets, max_timeout)),
      first_token_(prometheus::BuildHistogram()
                       .Name("chorus_time_to_first_token_seconds")
                       .Help("From the call of a generator to its first text")
                       .Register(registry)),
      first_token_buckets_(DurationBuckets(kFirstTokenBuckets, max_timeout)),
      inter_token_(prometheus::BuildHistogram()
                       .Name("chorus_inter_token_seconds")
                       .Help("Between the tokens of a text")
                       .Register(registry)),
      inter_token_buckets_(DurationBuckets(kInterTokenBuckets, max_timeout)) {
  AddRunners(runners);
}

void GraphMetrics::AddRunners(const std::vector<std::string>& runners) {
  std::unique_lock lock(mutex_);
  for (const std::string& runner : runners) {
    const prometheus::Labels labels = {{"model", runner}};
    models_.emplace(runner, Model{first_token_.Add(labels, first_token_buckets_),
                                  inter_token_.Add(labels, inter_token_buckets_)});
  }
}

GraphMetrics::Model& GraphMetrics::ModelOf(const std::string& runner) {
  std::shared_lock lock(mutex_);
  return models_.at(runner);
}

void GraphMetrics::OnFirstToken(const std::string& runner, absl::Duration since_begin) {
  ModelOf(runner).first_token.Observe(absl::ToDoubleSeconds(since_begin));
}

void GraphMetrics::OnNextTokens(const std::string& runner, absl::Duration since_last,
                                int num_tokens) {
  prometheus::Histogram& histogram = ModelOf(runner).inter_token;
  for (int i = 0; i < num_tokens; ++i) {
    histogram.Observe(absl::ToDoubleSeconds(since_last) / num_tokens);
  }
}

void GraphMetrics::OnGenerated(const std::string& graph, const std::string& node,
                               const v1::GenerationEnd& end, absl::Duration total) {
  const absl::Duration queue = absl::Seconds(end.timing().queue_seconds());
  const absl::Duration prefill = absl::Seconds(end.timing().prefill_seconds());
  const absl::Duration decode = absl::Seconds(end.timing().decode_seconds());
  ObserveStage(graph, node, "queue", queue);
  ObserveStage(graph, node, "prefill", prefill);
  ObserveStage(graph, node, "decode", decode);
  const absl::Duration rest = total - queue - prefill - decode;
  ObserveStage(graph, node, "gateway", std::max(rest, absl::ZeroDuration()));
}

void GraphMetrics::OnScored(const std::string& graph, const std::string& node,
                            absl::Duration duration) {
  ObserveStage(graph, node, "classify", duration);
}

void GraphMetrics::ObserveStage(const std::string& graph, const std::string& node,
                                const char* stage, absl::Duration duration) {
  stages_.Add({{"graph", graph}, {"node", node}, {"stage", stage}}, stage_buckets_)
      .Observe(absl::ToDoubleSeconds(duration));
}

}  // namespace chorus::gateway
