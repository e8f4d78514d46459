#pragma once

// The metrics of the graphs' runs:
//   chorus_stage_seconds{graph,node,stage}: histogram; stage is one of
//     queue, prefill, decode  as the runner of a generate node tells them
//     gateway                 the rest of that call: the way there and back, and the gateway itself
//     classify                from a text's end to its score, all included
//   chorus_time_to_first_token_seconds{model}, chorus_inter_token_seconds{model}: histograms, as
//     the gateway sees a model's texts come. Tokens that come together share the time evenly.
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

namespace chorus {

class GraphMetrics final : public RunObserver {
 public:
  // `registry` must outlive this. `runners` are all that OnFirstToken and OnNextTokens will name.
  // The histograms' bounds reach `max_timeout`, the longest that a call may take.
  GraphMetrics(prometheus::Registry& registry, const std::vector<std::string>& runners,
               absl::Duration max_timeout = absl::Seconds(300));

  void OnFirstToken(const std::string& runner, absl::Duration since_begin) override;
  void OnNextTokens(const std::string& runner, absl::Duration since_last, int num_tokens) override;
  void OnGenerated(const std::string& graph, const std::string& node, const v1::GenerationEnd& end,
                   absl::Duration total) override;
  void OnScored(const std::string& graph, const std::string& node,
                absl::Duration duration) override;

 private:
  // Looked up once, for they are observed at every token.
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

}  // namespace chorus
