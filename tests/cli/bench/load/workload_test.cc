#include "cli/bench/load/workload.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_split.h"
#include "tests/base/temp_directory.h"

namespace chorus::bench {
namespace {

std::vector<Call> Take(const WorkloadOptions& options, int count) {
  absl::StatusOr<Workload> workload = Workload::Create(options);
  EXPECT_TRUE(workload.ok()) << workload.status();
  std::vector<Call> calls;
  for (int i = 0; i < count; ++i) {
    std::optional<Call> call = workload->Next();
    if (!call) break;
    calls.push_back(*std::move(call));
  }
  return calls;
}

// Mean and coefficient of variation of the seconds between calls.
std::pair<double, double> Gaps(const std::vector<Call>& calls) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    const double gap =
        absl::ToDoubleSeconds(calls[i].due - (i == 0 ? absl::ZeroDuration() : calls[i - 1].due));
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / static_cast<double>(calls.size());
  const double variance = squares / static_cast<double>(calls.size()) - mean * mean;
  return {mean, std::sqrt(std::max(0.0, variance)) / mean};
}

TEST(Workload, PoissonArrivalsHaveTheRateAndAreMemoryless) {
  const std::vector<Call> calls = Take({.rate = 200}, 20000);
  const auto [mean, variation] = Gaps(calls);
  EXPECT_NEAR(mean, 1.0 / 200, 0.00015);
  EXPECT_NEAR(variation, 1, 0.03);
  // So many in a tenth of a second vary as much as they are.
  std::vector<int> counts(900);
  for (const Call& call : calls) {
    const auto at = static_cast<size_t>(absl::ToDoubleSeconds(call.due) * 10);
    if (at < counts.size()) ++counts[at];
  }
  double sum = 0, squares = 0;
  for (const int count : counts) sum += count, squares += count * count;
  const double average = sum / 900;
  EXPECT_NEAR(average, 20, 0.7);
  EXPECT_NEAR(squares / 900 - average * average, 20, 3);
}

TEST(Workload, SteadyArrivalsAreEvenlyApart) {
  const auto [mean, variation] = Gaps(Take({.rate = 50, .steady = true}, 100));
  EXPECT_NEAR(mean, 0.02, 1e-9);
  EXPECT_NEAR(variation, 0, 1e-4);
}

TEST(Workload, OfAClosedLoopHasNoTimes) {
  EXPECT_FALSE(Workload::Create({})->is_open());
  for (const Call& call : Take({}, 3)) EXPECT_EQ(call.due, absl::ZeroDuration());
}

TEST(Workload, SeedMakesTheSameCallsAtAnyRate) {
  WorkloadOptions options{
      .rate = 10, .prompt_tokens = "uniform:1..30", .output_tokens = "normal:50,10", .seed = 7};
  const std::vector<Call> slow = Take(options, 20);
  options.rate = 1000;
  const std::vector<Call> fast = Take(options, 20);
  options.seed = 8;
  const std::vector<Call> other = Take(options, 20);
  int num_equal = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(slow[i].text, fast[i].text);
    EXPECT_EQ(slow[i].output_tokens, fast[i].output_tokens);
    EXPECT_EQ(slow[i].seed, fast[i].seed);
    num_equal += slow[i].text == other[i].text;
  }
  EXPECT_LT(num_equal, 3);
}

TEST(Workload, TraceGoesAsItIsWrittenAndEnds) {
  const TempDirectory temp;
  PutFile(temp / "trace",
          "{\"at\": 1, \"text\": \"Once\"}\n{\"at\": 1.5, \"prompt_tokens\": 3, \"output_tokens\": "
          "9}\n");
  const std::vector<Call> calls = Take({.trace = temp / "trace", .output_tokens = "5"}, 10);
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].due, absl::Seconds(1));
  EXPECT_EQ(calls[0].text, "Once");
  EXPECT_EQ(calls[0].output_tokens, 5u);
  EXPECT_EQ(calls[1].due, absl::Milliseconds(1500));
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(calls[1].text, ' ')).size(), 3u);
  EXPECT_EQ(calls[1].output_tokens, 9u);
}

TEST(Workload, PromptsAreDrawnAtRandom) {
  const TempDirectory temp;
  PutFile(temp / "prompts", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n{}\n");
  std::set<std::string> texts;
  for (const Call& call : Take({.prompts = temp / "prompts", .text = "c"}, 100)) {
    texts.insert(call.text);
  }
  EXPECT_EQ(texts, (std::set<std::string>{"a", "b", "c"}));
}

TEST(Workload, MistakesAreErrors) {
  EXPECT_FALSE(Workload::Create({.prompt_tokens = "many"}).ok());
  EXPECT_FALSE(Workload::Create({.output_tokens = "many"}).ok());
  EXPECT_FALSE(Workload::Create({.trace = "/no/such"}).ok());
}

TEST(Words, AreEachATokenOfGpt2) {
  std::ifstream file("tests/testdata/tokenizer/gpt2/vocab.json");
  const auto vocabulary = nlohmann::json::parse(file);
  Random random(0, 0);
  for (const absl::string_view word : absl::StrSplit(Words(2000, random), ' ')) {
    EXPECT_TRUE(vocabulary.contains(std::string(word))) << word;
    EXPECT_TRUE(vocabulary.contains("\u0120" + std::string(word))) << word;
  }
}

}  // namespace
}  // namespace chorus::bench
