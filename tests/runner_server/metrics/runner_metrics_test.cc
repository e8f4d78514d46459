#include "runner_server/metrics/runner_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/base/parse_proto.h"

namespace chorus::runner {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(RunnerMetrics, CountsStepsAndTokens) {
  RunnerMetrics metrics("gpt2", "demo");
  metrics.OnStep({.num_rows = 3,
                  .num_tokens = 10,
                  .num_prompt_tokens = 8,
                  .num_generated_tokens = 2,
                  .num_wasted_tokens = 1,
                  .duration = absl::Milliseconds(4),
                  .limited_by = StepLimit::kKvBytes,
                  .num_shared_tokens = 20,
                  .num_preempted = 2});
  metrics.OnStep({.num_rows = 1, .num_tokens = 1, .num_generated_tokens = 1});
  metrics.OnGenerated(ParseProto<chorus::v1::GenerationEnd>(
      "generated_tokens: 4 "
      "timing { queue_seconds: 1 prefill_seconds: 0.5 decode_seconds: 6 }"));
  EXPECT_THAT(
      metrics.ToText(),
      AllOf(HasSubstr("chorus_prompt_tokens_total{model=\"gpt2\"} 8\n"),
            HasSubstr("chorus_generated_tokens_total{model=\"gpt2\"} 3\n"),
            HasSubstr("chorus_wasted_tokens_total{model=\"gpt2\"} 1\n"),
            HasSubstr("chorus_step_tokens_sum{model=\"gpt2\"} 11\n"),
            HasSubstr("chorus_step_seconds_count{model=\"gpt2\"} 2\n"),
            HasSubstr("chorus_batch_release_total{model=\"gpt2\",reason=\"full\"} 1\n"),
            HasSubstr("chorus_batch_release_total{model=\"gpt2\",reason=\"idle\"} 1\n"),
            HasSubstr("chorus_step_limited_total{model=\"gpt2\",reason=\"kv_bytes\"} 1\n"),
            HasSubstr("chorus_step_limited_total{model=\"gpt2\",reason=\"nothing\"} 1\n"),
            HasSubstr("chorus_step_limited_total{model=\"gpt2\",reason=\"tokens\"} 0\n"),
            HasSubstr("chorus_time_to_first_token_seconds_sum{model=\"gpt2\"} 1.5\n"),
            HasSubstr("chorus_inter_token_seconds_count{model=\"gpt2\"} 3\n"),
            HasSubstr("chorus_inter_token_seconds_sum{model=\"gpt2\"} 6\n"),
            HasSubstr("chorus_preemptions_total{model=\"gpt2\"} 2\n"),
            HasSubstr("chorus_prefix_shared_tokens_total{model=\"gpt2\"} 20\n"),
            HasSubstr("bentoml_runner_adaptive_batch_size_sum{method_name=\"forward\",runner_name="
                      "\"gpt2\",service_name=\"chorus\",service_version=\"demo\",worker_index=\"1\""
                      "} 4\n")));
}

// A gateway may allow a call a day.
TEST(RunnerMetrics, BoundsReachTheLongestCall) {
  RunnerMetrics metrics("gpt2", "demo");
  metrics.OnCallEnd(metrics.OnCallBegin("Generate"), absl::StatusCode::kOk, absl::Seconds(1));
  const std::string text = metrics.ToText();
  for (const char* name :
       {"bentoml_runner_request_duration_seconds_bucket",
        "chorus_time_to_first_token_seconds_bucket", "chorus_inter_token_seconds_bucket"}) {
    const size_t last = text.find(",le=\"+Inf\"}", text.find(name));
    ASSERT_NE(last, std::string::npos) << name;
    const size_t line = text.rfind('\n', text.rfind('\n', last) - 1);
    EXPECT_THAT(text.substr(line, last - line), HasSubstr("le=\"86400\"}")) << name;
  }
}

TEST(RunnerMetrics, CountsCallsAsBentoMlDoes) {
  RunnerMetrics metrics("gpt2", "demo");
  const std::string labels =
      "{endpoint=\"Generate\",runner_name=\"gpt2\",service_name=\"chorus\",service_version="
      "\"demo\"}";
  const prometheus::Labels call = metrics.OnCallBegin("Generate");
  EXPECT_THAT(metrics.ToText(), HasSubstr("bentoml_runner_request_in_progress" + labels + " 1\n"));
  metrics.OnCallEnd(call, absl::StatusCode::kResourceExhausted, absl::Seconds(1));
  const std::string with_code =
      "{endpoint=\"Generate\",http_response_code=\"429\",runner_name=\"gpt2\",service_name="
      "\"chorus\",service_version=\"demo\"}";
  EXPECT_THAT(metrics.ToText(),
              AllOf(HasSubstr("bentoml_runner_request_in_progress" + labels + " 0\n"),
                    HasSubstr("bentoml_runner_request_total" + with_code + " 1\n"),
                    HasSubstr("bentoml_runner_request_duration_seconds_sum" + with_code + " 1\n")));
}

TEST(RunnerMetrics, CountsEachCallUnderTheVersionItBeganWith) {
  RunnerMetrics metrics("gpt2", "v1");
  const auto in_progress = [&](const std::string& version) {
    const std::string text = metrics.ToText();
    const std::string series =
        "bentoml_runner_request_in_progress{endpoint=\"Generate\",runner_name=\"gpt2\",service_"
        "name="
        "\"chorus\",service_version=\"" +
        version + "\"} ";
    const size_t at = text.find(series);
    return at == std::string::npos ? "" : text.substr(at + series.size(), 1);
  };
  const prometheus::Labels first = metrics.OnCallBegin("Generate");
  metrics.OnStep({.num_rows = 3});
  metrics.SetVersion("v2");
  const prometheus::Labels second = metrics.OnCallBegin("Generate");
  metrics.OnStep({.num_rows = 2});
  EXPECT_EQ(in_progress("v1"), "1");
  EXPECT_EQ(in_progress("v2"), "1");
  metrics.OnCallEnd(first, absl::StatusCode::kOk, absl::Seconds(1));
  EXPECT_EQ(in_progress("v1"), "0");
  EXPECT_EQ(in_progress("v2"), "1");
  metrics.OnCallEnd(second, absl::StatusCode::kOk, absl::Seconds(1));
  metrics.SetVersion("v1");  // Which has served before: its numbers go on.
  metrics.OnStep({.num_rows = 4});
  EXPECT_THAT(
      metrics.ToText(),
      AllOf(HasSubstr("service_name=\"chorus\",service_version=\"v1\",worker_index=\"1\"} 7\n"),
            HasSubstr("service_name=\"chorus\",service_version=\"v2\",worker_index=\"1\"} 2\n"),
            HasSubstr("chorus_step_tokens_count{model=\"gpt2\"} 3\n")));
}

TEST(RunnerMetrics, CountsReloadsByWhatBecameOfThem) {
  RunnerMetrics metrics("gpt2", "");
  metrics.OnReload(true);
  metrics.OnReload(false);
  metrics.OnReload(false);
  EXPECT_THAT(metrics.ToText(),
              AllOf(HasSubstr("chorus_model_reloads_total{model=\"gpt2\",result=\"ok\"} 1\n"),
                    HasSubstr("chorus_model_reloads_total{model=\"gpt2\",result=\"error\"} 2\n")));
}

TEST(RunnerMetrics, CountsRejectionsByReason) {
  RunnerMetrics metrics("gpt2", "");
  metrics.OnRejected(RejectReason::kQueue);
  metrics.OnRejected(RejectReason::kDeadline);
  metrics.OnRejected(RejectReason::kDeadline);
  EXPECT_THAT(metrics.ToText(),
              AllOf(HasSubstr("chorus_rejected_total{model=\"gpt2\",reason=\"queue\"} 1\n"),
                    HasSubstr("chorus_rejected_total{model=\"gpt2\",reason=\"tokens\"} 0\n"),
                    HasSubstr("chorus_rejected_total{model=\"gpt2\",reason=\"draining\"} 0\n"),
                    HasSubstr("chorus_rejected_total{model=\"gpt2\",reason=\"deadline\"} 2\n")));
}

TEST(RunnerMetrics, CountsLogitsThatAreNotFinite) {
  RunnerMetrics metrics("gpt2", "");
  EXPECT_THAT(metrics.ToText(), HasSubstr("chorus_not_finite_total{model=\"gpt2\"} 0\n"));
  metrics.OnNotFinite();
  metrics.OnNotFinite();
  EXPECT_THAT(metrics.ToText(), HasSubstr("chorus_not_finite_total{model=\"gpt2\"} 2\n"));
}

TEST(RunnerMetrics, AsksForTheLoadAtEveryScrape) {
  RunnerMetrics metrics("gpt2", "");
  uint64_t tokens = 5;
  metrics.SetLoad([&] {
    runner::v1::GetLoadResponse load;
    load.set_queued_tokens(tokens);
    load.set_kv_cache_used_ratio(0.25);
    return load;
  });
  EXPECT_THAT(metrics.ToText(),
              AllOf(HasSubstr("chorus_runner_queued_tokens{model=\"gpt2\"} 5\n"),
                    HasSubstr("chorus_kv_cache_used_ratio{model=\"gpt2\"} 0.25\n")));
  EXPECT_EQ(metrics.load().queued_tokens(), 5u);
  tokens = 6;
  EXPECT_THAT(metrics.ToText(), HasSubstr("chorus_runner_queued_tokens{model=\"gpt2\"} 6\n"));
  metrics.SetLoad(nullptr);
  EXPECT_THAT(metrics.ToText(), HasSubstr("chorus_runner_queued_tokens{model=\"gpt2\"} 0\n"));
}

TEST(RunnerMetrics, TimesCancellations) {
  RunnerMetrics metrics("gpt2", "");
  metrics.OnCancelled(absl::Milliseconds(3));
  EXPECT_THAT(metrics.ToText(),
              HasSubstr("chorus_cancel_to_free_seconds_count{model=\"gpt2\"} 1\n"));
}

}  // namespace
}  // namespace chorus::runner
