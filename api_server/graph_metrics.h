#pragma once

// Metrics of graph runs:
//   chorus_stage_seconds{graph,node,stage}: histogram; stage is one of
//     queue, prefill, decode  as reported by a generate node's runner
//     gateway                 the rest of that call: network and gateway
//     classify                from a text's end to its score
//   chorus_time_to_first_token_seconds{model}, chorus_inter_token_seconds{model}: histograms, of
//     arrivals at the gateway. Tokens that arrive together share the time evenly.
//
// Thread safety: all methods may be called from any thread.

#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "api_server/graph/run_observer.h"

namespace chorus::gateway {

class GraphMetrics final : public RunObserver {
 public:
  // `registry` must outlive this. The histograms' bounds reach `max_timeout`.
  GraphMetrics(prometheus::Registry& registry, const std::vector<std::string>& runners,
               absl::Duration max_timeout = absl::Seconds(300));

  // All names that OnFirstToken and OnNextTokens get were in `runners`, or are added before.
  void AddRunners(const std::vector<std::string>& runners);

  void OnFirstToken(const std::string& runner, absl::Duration since_begin) override;
  void OnNextTokens(const std::string& runner, absl::Duration since_last, int num_tokens) override;
  void OnGenerated(const std::string& graph, const std::string& node, const v1::GenerationEnd& end,
                   absl::Duration total) override;
  void OnScored(const std::string& graph, const std::string& node,
                absl::Duration duration) override;

 private:
  // Looked up once, since every token is observed.
  struct Model {
    prometheus::Histogram& first_token;
    prometheus::Histogram& inter_token;
  };

  Model& ModelOf(const std::string& runner);
  void ObserveStage(const std::string& graph, const std::string& node, const char* stage,
                    absl::Duration duration);

  prometheus::Family<prometheus::Histogram>& stages_;
  const prometheus::Histogram::BucketBoundaries stage_buckets_;
  prometheus::Family<prometheus::Histogram>& first_token_;
  const prometheus::Histogram::BucketBoundaries first_token_buckets_;
  prometheus::Family<prometheus::Histogram>& inter_token_;
  const prometheus::Histogram::BucketBoundaries inter_token_buckets_;
  std::shared_mutex mutex_;
  std::unordered_map<std::string, Model> models_;  // Guarded by mutex_; what is there stays.
};

}  // namespace chorus::gateway
