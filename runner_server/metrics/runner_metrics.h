#pragma once

// The runner's Prometheus metrics, and the trace of its last batches. The bentoml_ ones have the
// names and labels of BentoML 1.1's runners, for existing dashboards.
//
// Thread safety: all methods may be called from any thread. Only SetLoad may block.
//
// A model's metrics go on counting when another version of it takes its place. Those that have a
// version among their labels have each call under the version it began with.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "proto/chorus/v1/generation.pb.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/metrics/batcher_trace.h"

namespace chorus::runner {

class RunnerMetrics final : public EngineObserver {
 public:
  // `name` and `version` become labels.
  RunnerMetrics(const std::string& name, const std::string& version);
  ~RunnerMetrics() override;

  // EngineObserver. Model errors are logged; non-finite logits too, once a minute.
  void OnStep(const StepStats& stats) override;
  void OnCancelled(absl::Duration until_freed) override;
  void OnRejected(RejectReason reason) override;
  void OnNotFinite() override;
  void OnModelError(std::string_view what) override;
  void OnDeviceLost(std::string_view what) override;  // Ends the process.

  // Another version serves from now on.
  void SetVersion(const std::string& version);

  // A changed model was loaded and serves, or was not.
  void OnReload(bool ok);

  // A call of `method`, such as "Generate", begins; OnCallEnd must follow, with what this returns.
  prometheus::Labels OnCallBegin(std::string_view method);
  void OnCallEnd(const prometheus::Labels& call, absl::StatusCode code, absl::Duration duration);

  // A text has succeeded.
  void OnGenerated(const chorus::v1::GenerationEnd& end);

  // `num_texts` texts were truncated.
  void OnTruncated(int num_texts);

  // `load` is called at every scrape, by the scraping thread; may be null. Blocks for a scrape in
  // progress, so that what an older `load` used may then be destroyed.
  void SetLoad(std::function<runner::v1::GetLoadResponse()> load);

  // What SetLoad's function gives now; nothing without one.
  runner::v1::GetLoadResponse load() const;

  // All metrics in Prometheus' text format.
  std::string ToText() const;

  // The engine's last steps.
  const BatcherTrace& trace() const { return trace_; }

 private:
  class LoadCollector;  // The registry with current load gauges.

  const prometheus::Labels model_labels_;
  mutable std::mutex version_mutex_;
  prometheus::Labels bento_labels_;  // Guarded by version_mutex_.
  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& request_seconds_;
  prometheus::Family<prometheus::Gauge>& requests_in_progress_;
  prometheus::Family<prometheus::Histogram>& batch_sizes_;
  std::atomic<prometheus::Histogram*> batch_size_;  // Of the version.
  prometheus::Counter& prompt_tokens_;
  prometheus::Counter& generated_tokens_;
  prometheus::Counter& wasted_tokens_;
  prometheus::Histogram& step_tokens_;
  prometheus::Histogram& step_seconds_;
  prometheus::Family<prometheus::Histogram>& padded_step_seconds_;
  prometheus::Histogram& cancel_to_free_seconds_;
  prometheus::Histogram& first_token_seconds_;
  prometheus::Histogram& inter_token_seconds_;
  prometheus::Counter& released_full_;
  prometheus::Counter& released_idle_;
  std::vector<prometheus::Counter*> step_limited_;  // By StepLimit.
  prometheus::Counter& preemptions_;
  prometheus::Counter& prefix_shared_tokens_;
  prometheus::Counter& truncated_texts_;
  prometheus::Counter& not_finite_;
  std::vector<prometheus::Counter*> rejected_;  // By RejectReason.
  prometheus::Counter& reloads_ok_;
  prometheus::Counter& reloads_failed_;
  BatcherTrace trace_;
  const std::shared_ptr<LoadCollector> collector_;
};

}  // namespace chorus::runner
