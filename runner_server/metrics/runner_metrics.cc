#include "runner_server/metrics/runner_metrics.h"

#include <glog/logging.h>
#include <prometheus/text_serializer.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "base/duration_buckets.h"

namespace chorus::runner {
namespace {

using ::prometheus::BuildCounter;
using ::prometheus::BuildGauge;
using ::prometheus::BuildHistogram;
using ::prometheus::Counter;
using ::prometheus::Gauge;
using ::prometheus::Histogram;
using ::prometheus::Labels;
using ::prometheus::Registry;

// `count` bounds, each `factor` times the one before.
Histogram::BucketBoundaries Exponential(double first, double factor, int count) {
  Histogram::BucketBoundaries bounds;
  for (double bound = first; count > 0; --count, bound *= factor) bounds.push_back(bound);
  return bounds;
}

// How long a call may take is the gateway's to say.
Histogram::BucketBoundaries CallBounds(Histogram::BucketBoundaries fine) {
  return DurationBuckets(std::move(fine), kLongestMaxTimeout);
}

Counter& MakeCounter(Registry& registry, const std::string& name, const std::string& help,
                     const Labels& labels) {
  return BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

Gauge& MakeGauge(Registry& registry, const std::string& name, const std::string& help,
                 const Labels& labels) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

Histogram& MakeHistogram(Registry& registry, const std::string& name, const std::string& help,
                         const Labels& labels, const Histogram::BucketBoundaries& bounds) {
  return BuildHistogram().Name(name).Help(help).Register(registry).Add(labels, bounds);
}

Labels With(Labels labels, const std::string& name, const std::string& value) {
  labels[name] = value;
  return labels;
}

// The status line that the gateway gives HTTP clients for `code`.
std::string HttpCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "200";
    case absl::StatusCode::kInvalidArgument:
      return "400";
    case absl::StatusCode::kResourceExhausted:
      return "429";
    case absl::StatusCode::kCancelled:
      return "499";
    case absl::StatusCode::kUnavailable:
      return "503";
    case absl::StatusCode::kDeadlineExceeded:
      return "504";
    default:
      return "500";
  }
}

const Histogram::BucketBoundaries& RequestBounds() {
  static const auto& bounds = *new auto(CallBounds(Exponential(0.005, 2, 14)));
  return bounds;
}

}  // namespace

class RunnerMetrics::LoadCollector final : public prometheus::Collectable {
 public:
  LoadCollector(std::shared_ptr<Registry> registry, const Labels& labels)
      : registry_(std::move(registry)),
        queued_tokens_(MakeGauge(*registry_, "chorus_runner_queued_tokens",
                                 "Tokens of accepted requests that wait for their turn", labels)),
        running_sequences_(MakeGauge(*registry_, "chorus_runner_running_sequences",
                                     "Sequences in the running batch", labels)),
        kv_cache_used_ratio_(MakeGauge(*registry_, "chorus_kv_cache_used_ratio",
                                       "Share in use: of the KV slots, or of the memory that "
                                       "--kv_cache_bytes allows, whichever is more",
                                       labels)),
        device_memory_(MakeGauge(*registry_, "chorus_device_memory_bytes",
                                 "Memory of the device that computes; 0 for the CPU", labels)),
        used_device_memory_(MakeGauge(*registry_, "chorus_device_memory_used_bytes",
                                      "Of it, what this and other processes use", labels)),
        device_recordings_(MakeGauge(*registry_, "chorus_device_recordings",
                                     "Shapes of steps recorded to be played back", labels)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    {
      const std::lock_guard lock(mutex_);
      const runner::v1::GetLoadResponse load = LoadLocked();
      queued_tokens_.Set(static_cast<double>(load.queued_tokens()));
      running_sequences_.Set(load.running_sequences());
      kv_cache_used_ratio_.Set(load.kv_cache_used_ratio());
      device_memory_.Set(static_cast<double>(load.device_memory_bytes()));
      used_device_memory_.Set(static_cast<double>(load.device_memory_used_bytes()));
      device_recordings_.Set(static_cast<double>(load.device_recordings()));
    }
    return registry_->Collect();
  }

  void SetLoad(std::function<runner::v1::GetLoadResponse()> load) {
    const std::lock_guard lock(mutex_);
    load_ = std::move(load);
  }

  runner::v1::GetLoadResponse load() const {
    const std::lock_guard lock(mutex_);
    return LoadLocked();
  }

 private:
  runner::v1::GetLoadResponse LoadLocked() const {
    return load_ ? load_() : runner::v1::GetLoadResponse();
  }

  const std::shared_ptr<Registry> registry_;
  Gauge& queued_tokens_;
  Gauge& running_sequences_;
  Gauge& kv_cache_used_ratio_;
  Gauge& device_memory_;
  Gauge& used_device_memory_;
  Gauge& device_recordings_;
  mutable std::mutex mutex_;
  std::function<runner::v1::GetLoadResponse()> load_;  // Guarded by mutex_; called under it.
};

RunnerMetrics::RunnerMetrics(const std::string& name, const std::string& version)
    : model_labels_{{"model", name}},
      bento_labels_{{"service_name", "chorus"}, {"runner_name", name}},
      registry_(std::make_shared<Registry>()),
      requests_(BuildCounter()
                    .Name("bentoml_runner_request_total")
                    .Help("Calls answered")
                    .Register(*registry_)),
      request_seconds_(BuildHistogram()
                           .Name("bentoml_runner_request_duration_seconds")
                           .Help("How long calls took")
                           .Register(*registry_)),
      requests_in_progress_(BuildGauge()
                                .Name("bentoml_runner_request_in_progress")
                                .Help("Calls being answered now")
                                .Register(*registry_)),
      batch_sizes_(BuildHistogram()
                       .Name("bentoml_runner_adaptive_batch_size")
                       .Help("Sequences in each forward pass")
                       .Register(*registry_)),
      prompt_tokens_(MakeCounter(*registry_, "chorus_prompt_tokens_total",
                                 "Tokens of prompts and of texts to classify that were computed",
                                 model_labels_)),
      generated_tokens_(MakeCounter(*registry_, "chorus_generated_tokens_total", "Tokens generated",
                                    model_labels_)),
      wasted_tokens_(MakeCounter(*registry_, "chorus_wasted_tokens_total",
                                 "Tokens generated after their caller had left", model_labels_)),
      step_tokens_(MakeHistogram(*registry_, "chorus_step_tokens", "Tokens in each forward pass",
                                 model_labels_, Exponential(1, 2, 13))),
      step_seconds_(MakeHistogram(*registry_, "chorus_step_seconds",
                                  "How long engine steps took, sampling and publishing included",
                                  model_labels_, Exponential(0.00025, 2, 15))),
      padded_step_seconds_(
          BuildHistogram()
              .Name("chorus_padded_step_seconds")
              .Help("How long engine steps took that were padded to so many rows for a device")
              .Register(*registry_)),
      cancel_to_free_seconds_(MakeHistogram(*registry_, "chorus_cancel_to_free_seconds",
                                            "From a cancellation until its KV slot was free",
                                            model_labels_, Exponential(0.0001, 2, 15))),
      first_token_seconds_(MakeHistogram(*registry_, "chorus_time_to_first_token_seconds",
                                         "From a call's arrival to its text's first token",
                                         model_labels_, CallBounds(Exponential(0.001, 2, 16)))),
      inter_token_seconds_(MakeHistogram(*registry_, "chorus_inter_token_seconds",
                                         "Between the tokens of a text, each as their mean",
                                         model_labels_, CallBounds(Exponential(0.0005, 2, 14)))),
      released_full_(MakeCounter(*registry_, "chorus_batch_release_total",
                                 "Forward passes, by why they began with what they had",
                                 With(model_labels_, "reason", "full"))),
      released_idle_(MakeCounter(*registry_, "chorus_batch_release_total",
                                 "Forward passes, by why they began with what they had",
                                 With(model_labels_, "reason", "idle"))),
      preemptions_(MakeCounter(*registry_, "chorus_preemptions_total",
                               "Running sequences that gave their KV slot up, to be run again",
                               model_labels_)),
      prefix_shared_tokens_(MakeCounter(
          *registry_, "chorus_prefix_shared_tokens_total",
          "Tokens of prompts copied from another sequence's KV cache instead of being computed",
          model_labels_)),
      truncated_texts_(MakeCounter(
          *registry_, "chorus_truncated_texts_total",
          "Texts classified by their beginning alone, as they are longer than the model reads",
          model_labels_)),
      not_finite_(
          MakeCounter(*registry_, "chorus_not_finite_total",
                      "Generations and classifications that failed because a logit was not finite",
                      model_labels_)),
      reloads_ok_(MakeCounter(*registry_, "chorus_model_reloads_total",
                              "Changes of the model that --reload has seen, by what became of them",
                              With(model_labels_, "result", "ok"))),
      reloads_failed_(
          MakeCounter(*registry_, "chorus_model_reloads_total",
                      "Changes of the model that --reload has seen, by what became of them",
                      With(model_labels_, "result", "error"))),
      collector_(std::make_shared<LoadCollector>(registry_, model_labels_)) {
  SetVersion(version);
  for (int limit = 0; limit < kNumStepLimits; ++limit) {
    step_limited_.push_back(&MakeCounter(
        *registry_, "chorus_step_limited_total",
        "Forward passes, by what kept them from holding more",
        With(model_labels_, "reason", std::string(StepLimitName(static_cast<StepLimit>(limit))))));
  }
  for (const char* reason : {"queue", "tokens", "draining", "deadline"}) {  // As RejectReason.
    rejected_.push_back(&MakeCounter(*registry_, "chorus_rejected_total",
                                     "Requests turned away before they ran",
                                     With(model_labels_, "reason", reason)));
  }
}

RunnerMetrics::~RunnerMetrics() = default;

void RunnerMetrics::OnStep(const StepStats& stats) {
  batch_size_.load(std::memory_order_relaxed)->Observe(stats.num_rows);
  step_tokens_.Observe(stats.num_tokens);
  step_seconds_.Observe(absl::ToDoubleSeconds(stats.duration));
  if (stats.num_padded_rows > 0) {
    padded_step_seconds_
        .Add(With(model_labels_, "rows", std::to_string(stats.num_padded_rows)),
             Exponential(0.00025, 2, 15))
        .Observe(absl::ToDoubleSeconds(stats.duration));
  }
  prompt_tokens_.Increment(stats.num_prompt_tokens);
  generated_tokens_.Increment(stats.num_generated_tokens);
  wasted_tokens_.Increment(stats.num_wasted_tokens);
  (stats.full() ? released_full_ : released_idle_).Increment();
  step_limited_.at(static_cast<size_t>(stats.limited_by))->Increment();
  preemptions_.Increment(stats.num_preempted);
  prefix_shared_tokens_.Increment(stats.num_shared_tokens);
  trace_.Record(stats, absl::Now());
}

void RunnerMetrics::OnCancelled(absl::Duration until_freed) {
  cancel_to_free_seconds_.Observe(absl::ToDoubleSeconds(until_freed));
}

void RunnerMetrics::OnRejected(RejectReason reason) {
  rejected_.at(static_cast<size_t>(reason))->Increment();
}

void RunnerMetrics::OnNotFinite() {
  not_finite_.Increment();
  LOG_EVERY_T(ERROR, 60) << "event=not_finite total=" << not_finite_.Value()
                         << " what=\"a logit is NaN or infinite\"";
}

void RunnerMetrics::OnModelError(std::string_view what) {
  LOG(ERROR) << "event=model_error what=\"" << what << "\"";
}

void RunnerMetrics::OnDeviceLost(std::string_view what) {
  LOG(ERROR) << "event=device_lost what=\"" << what
             << "\": nothing more can be computed here, the runner ends";
  google::FlushLogFiles(google::INFO);
  std::_Exit(1);
}

void RunnerMetrics::SetVersion(const std::string& version) {
  const std::lock_guard lock(version_mutex_);
  bento_labels_["service_version"] = version;
  // The same one, if the version has served before.
  batch_size_ =
      &batch_sizes_.Add(With(With(bento_labels_, "worker_index", "1"), "method_name", "forward"),
                        Exponential(1, 2, 11));
}

void RunnerMetrics::OnReload(bool ok) { (ok ? reloads_ok_ : reloads_failed_).Increment(); }

Labels RunnerMetrics::OnCallBegin(std::string_view method) {
  Labels call;
  {
    const std::lock_guard lock(version_mutex_);
    call = bento_labels_;
  }
  call["endpoint"] = method;
  requests_in_progress_.Add(call).Increment();
  return call;
}

void RunnerMetrics::OnCallEnd(const Labels& call, absl::StatusCode code, absl::Duration duration) {
  requests_in_progress_.Add(call).Decrement();
  const Labels labels = With(call, "http_response_code", HttpCode(code));
  requests_.Add(labels).Increment();
  request_seconds_.Add(labels, RequestBounds()).Observe(absl::ToDoubleSeconds(duration));
}

void RunnerMetrics::OnGenerated(const chorus::v1::GenerationEnd& end) {
  const chorus::v1::GenerationTiming& timing = end.timing();
  first_token_seconds_.Observe(timing.queue_seconds() + timing.prefill_seconds());
  const int num_gaps = static_cast<int>(end.generated_tokens()) - 1;
  for (int i = 0; i < num_gaps; ++i) {
    inter_token_seconds_.Observe(timing.decode_seconds() / num_gaps);
  }
}

void RunnerMetrics::OnTruncated(int num_texts) { truncated_texts_.Increment(num_texts); }

void RunnerMetrics::SetLoad(std::function<runner::v1::GetLoadResponse()> load) {
  collector_->SetLoad(std::move(load));
}

runner::v1::GetLoadResponse RunnerMetrics::load() const { return collector_->load(); }

std::string RunnerMetrics::ToText() const {
  return prometheus::TextSerializer().Serialize(collector_->Collect());
}

}  // namespace chorus::runner
