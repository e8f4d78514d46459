#include "runner_server/config/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::optional<RunnerFlags>> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "runner_server");
  return ParseFlags(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ParseFlags, HasDefaults) {
  const auto flags = Parse({"--model", "/models/gpt2/"});
  ASSERT_TRUE(flags.ok() && flags->has_value()) << flags.status();
  EXPECT_EQ((*flags)->model, "/models/gpt2/");
  EXPECT_EQ((*flags)->name, "gpt2");  // The folder's.
  EXPECT_EQ((*flags)->version, "");
  EXPECT_FALSE((*flags)->reload);
  EXPECT_EQ((*flags)->address, "0.0.0.0:50061");
  EXPECT_EQ((*flags)->metrics_address, "0.0.0.0:9061");
  EXPECT_GE((*flags)->threads, 1);
  EXPECT_EQ((*flags)->core_lease, "");
  EXPECT_EQ((*flags)->core_lease_slot, 0);
  EXPECT_EQ((*flags)->max_sequences, 32);
  EXPECT_EQ((*flags)->max_step_tokens, 512);
  EXPECT_EQ((*flags)->target_step_time, absl::Milliseconds(100));
  EXPECT_EQ((*flags)->kv_cache_bytes, 0);
  EXPECT_EQ((*flags)->drain_delay, absl::ZeroDuration());
  EXPECT_EQ((*flags)->drain_timeout, absl::Seconds(30));
  EXPECT_EQ((*flags)->ports_file, "");
}

TEST(ParseFlags, ReadsEveryFlag) {
  const auto flags = Parse({"--model=m",
                            "--reload",
                            "--name",
                            "gpt2-generation",
                            "--version=demo",
                            "--address",
                            "unix:/run/chorus.sock",
                            "--metrics_address=",
                            "--dtype=int8",
                            "--threads",
                            "3",
                            "--core_lease=/run/cores",
                            "--core_lease_slot",
                            "2",
                            "--max_sequences=8",
                            "--max_step_tokens",
                            "64",
                            "--target_step_time=0",
                            "--kv_cache_bytes",
                            "1073741824",
                            "--max_queued_sequences",
                            "5",
                            "--max_queued_tokens=1000",
                            "--drain_delay",
                            "1500ms",
                            "--drain_timeout=2m",
                            "--ports_file",
                            "/run/ports"});
  ASSERT_TRUE(flags.ok() && flags->has_value()) << flags.status();
  EXPECT_EQ((*flags)->name, "gpt2-generation");
  EXPECT_EQ((*flags)->version, "demo");
  EXPECT_TRUE((*flags)->reload);
  EXPECT_EQ((*flags)->address, "unix:/run/chorus.sock");
  EXPECT_EQ((*flags)->metrics_address, "");
  EXPECT_EQ((*flags)->dtype, "int8");
  EXPECT_EQ((*flags)->threads, 3);
  EXPECT_EQ((*flags)->core_lease, "/run/cores");
  EXPECT_EQ((*flags)->core_lease_slot, 2);
  EXPECT_EQ((*flags)->max_sequences, 8);
  EXPECT_EQ((*flags)->max_step_tokens, 64);
  EXPECT_EQ((*flags)->target_step_time, absl::ZeroDuration());
  EXPECT_EQ((*flags)->kv_cache_bytes, 1 << 30);
  EXPECT_EQ((*flags)->max_queued_sequences, 5);
  EXPECT_EQ((*flags)->max_queued_tokens, 1000);
  EXPECT_EQ((*flags)->drain_delay, absl::Milliseconds(1500));
  EXPECT_EQ((*flags)->drain_timeout, absl::Minutes(2));
  EXPECT_EQ((*flags)->ports_file, "/run/ports");
}

TEST(ParseFlags, TakesAnEmptyValueEitherWay) {
  EXPECT_EQ((*Parse({"--model", "m", "--metrics_address", ""}))->metrics_address, "");
  EXPECT_EQ((*Parse({"--metrics_address=", "--model", "m"}))->metrics_address, "");
}

TEST(ParseFlags, TakesHyphensForUnderscores) {
  EXPECT_EQ((*Parse({"--model", "m", "--max-step-tokens=64"}))->max_step_tokens, 64);
  EXPECT_EQ((*Parse({"--model", "m", "--metrics-address="}))->metrics_address, "");
}

TEST(ParseFlags, NamesTheFlagThatIsWrong) {
  struct Case {
    std::vector<const char*> arguments;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {{}, "--model is required"},
           {{"--model", "m", "--treads", "1"},
            "there is no flag --treads; did you mean --threads?"},
           {{"--model", "m", "--core_lease_slot", "-1"}, "--core_lease_slot"},
           {{"--model", "m", "--max_sequences", "0"}, "--max_sequences"},
           {{"--model", "m", "--max_sequences", "many"}, "--max_sequences"},
           {{"--model", "m", "--max_queued_tokens", "-1"}, "--max_queued_tokens"},
           {{"--model", "m", "--kv_cache_bytes", "-1"}, "--kv_cache_bytes"},
           {{"--model", "m", "--address", "0.0.0.0"}, "--address: \"0.0.0.0\" has no port"},
           {{"--model", "m", "--address", "0.0.0.0:70000"},
            "--address: \"0.0.0.0:70000\" must have a port from 0 to 65535"},
           {{"--model", "m", "--address", "unix:"}, "--address: \"unix:\" has no port"},
           {{"--model", "m", "--metrics_address", "9061"},
            "--metrics_address: \"9061\" has no port"},
           {{"--model", "m", "--drain_delay", "5"},
            "--drain_delay: must be a duration such as 1500ms or 30s: 5"},
           {{"--model", "m", "--drain_timeout", "-5s"},
            "--drain_timeout: must be a duration such as 1500ms or 30s: -5s"},
           {{"--model", "m", "--max_step_tokens", "31"},
            "--max_step_tokens must be at least --max_sequences, 32: 31"}}) {
    const auto flags = Parse(c.arguments);
    EXPECT_EQ(flags.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(flags.status().message()), HasSubstr(c.message));
  }
}

TEST(ParseFlags, PrintsHelp) {
  ::testing::internal::CaptureStdout();
  const auto flags = Parse({"--help"});
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("--max_step_tokens"));
  ASSERT_TRUE(flags.ok());
  EXPECT_FALSE(flags->has_value());
}

}  // namespace
}  // namespace chorus::runner
