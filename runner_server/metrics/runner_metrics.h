#pragma once

// The runner's Prometheus metrics, and the trace of its last batches. The bentoml_ ones keep the
// names and labels that BentoML 1.1 gives its runners, so that dashboards made for it go on
// working.
//
// Thread safety: all methods may be called at once from any thread. None blocks for longer than it
// takes to count.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
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

  // EngineObserver. Model errors go to the log; logits that are not finite too, once a minute.
  void OnStep(const StepStats& stats) override;
  void OnCancelled(absl::Duration until_freed) override;
  void OnRejected(RejectReason reason) override;
  void OnNotFinite() override;
  void OnModelError(std::string_view what) override;

  // A call of `method`, such as "Generate", begins; OnCallEnd must follow.
  void OnCallBegin(std::string_view method);
  void OnCallEnd(std::string_view method, absl::StatusCode code, absl::Duration duration);

  // A text has ended well.
  void OnGenerated(const chorus::v1::GenerationEnd& end);

  // So many texts were classified by their beginning alone.
  void OnTruncated(int num_texts);

  // Asked for the load at every scrape from now on, by the scraping thread; null for none. Waits
  // for a scrape that is under way, so that what an older `load` used may then be destroyed.
  void SetLoad(std::function<runner::v1::GetLoadResponse()> load);

  // All metrics in Prometheus' text format.
  std::string ToText() const;

  // The engine's last steps.
  const BatcherTrace& trace() const { return trace_; }

 private:
  class LoadCollector;  // The registry, with the load gauges brought up to date.

  prometheus::Labels WithMethod(std::string_view method) const;

  const prometheus::Labels model_labels_;
  const prometheus::Labels bento_labels_;
  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& request_seconds_;
  prometheus::Family<prometheus::Gauge>& requests_in_progress_;
  prometheus::Histogram& batch_size_;
  prometheus::Counter& prompt_tokens_;
  prometheus::Counter& generated_tokens_;
  prometheus::Counter& wasted_tokens_;
  prometheus::Histogram& step_tokens_;
  prometheus::Histogram& step_seconds_;
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
  BatcherTrace trace_;
  const std::shared_ptr<LoadCollector> collector_;
};

}  // namespace chorus::runner
