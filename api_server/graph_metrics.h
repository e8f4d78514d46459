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

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "api_server/graph/run_observer.h"

namespace chorus::gateway {

class GraphMetrics final : public RunObserver {
 public:
  // `registry` must outlive this. `runners` are all names that OnFirstToken and OnNextTokens get.
  // The histograms' bounds reach `max_timeout`.
  GraphMetrics(prometheus::Registry& registry, const std::vector<std::string>& runners,
               absl::Duration max_timeout = absl::Seconds(300));

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

  void ObserveStage(const std::string& graph, const std::string& node, const char* stage,
                    absl::Duration duration);

  prometheus::Family<prometheus::Histogram>& stages_;
  const prometheus::Histogram::BucketBoundaries stage_buckets_;
  absl::flat_hash_map<std::string, Model> models_;  // Not changed once made.
};

}  // namespace chorus::gateway
