#include "api_server/graph/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api_server/graph/graph_run.h"
#include "base/worker_pool.h"
#include "tests/base/parse_proto.h"
#include "tests/fakes/puppet_runner_client.h"

namespace chorus::gateway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What a call's completion brought.
template <typename T>
struct Outcome {
  std::optional<absl::StatusOr<T>> value;
  int num_calls = 0;

  Executor::Done<T> Done() {
    return [this](absl::StatusOr<T> result) {
      ++num_calls;
      value = std::move(result);
    };
  }
  absl::Status status() const { return value.has_value() ? value->status() : absl::OkStatus(); }
};

// Writes down what it hears, as "0 a: text".
class RecordingListener final : public GraphListener {
 public:
  void OnText(const TextId& id, v1::TextDelta delta) override { Add(id, delta.text()); }
  void OnGenerated(const TextId& id, const GraphResult& text) override {
    Add(id, absl::StrCat("whole ", text.generated));
  }
  void OnScored(const TextId& id, const GraphResult& text) override {
    Add(id, absl::StrCat("scored ", text.classification.results(0).scores(1)));
  }

  std::vector<std::string> heard;

 private:
  void Add(const TextId& id, const std::string& what) {
    heard.push_back(absl::StrCat(id.index.has_value() ? absl::StrCat(*id.index) : "-", " ",
                                 id.branch, ": ", what));
  }
};

v1::GenerationParams Params(const std::string& text) {
  return ParseProto<v1::GenerationParams>(text);
}

v1::TextDelta Delta(const std::string& text) { return ParseProto<v1::TextDelta>(text); }

// The code and the words alone.
absl::Status Plain(const absl::Status& status) { return {status.code(), status.message()}; }

// The puppets answer from the test's own thread, so every order is the test's choice.
class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() {
    tutorial_ = Make(R"pb(
      name: "tutorial"
      nodes {
        name: "a"
        generate { runner: "ra" }
      }
      nodes {
        name: "b"
        generate { runner: "rb" }
      }
      nodes {
        name: "score"
        classify {
          runner: "rs"
          inputs: [ "b", "a" ]
        }
      }
      output: "score")pb");
    chain_ = Make(R"pb(
      name: "chain"
      nodes {
        name: "first"
        generate { runner: "ra" max_new_tokens: 5 top_k: 3 }
      }
      nodes {
        name: "second"
        generate { runner: "rb" input: "first" }
      }
      nodes {
        name: "score"
        classify { runner: "rs" inputs: "second" }
      }
      output: "score")pb");
    executor_.emplace(Executor::Graphs{tutorial_, chain_},
                      Executor::Runners{{"ra", ra_}, {"rb", rb_}, {"rs", rs_}},
                      [this] { return now_; });
  }

  static std::shared_ptr<const Graph> Make(const std::string& config) {
    auto graph = Graph::Create(ParseProto<config::v1::Graph>(config), {"ra", "rb", "rs"});
    EXPECT_TRUE(graph.ok()) << graph.status();
    return *std::move(graph);
  }

  // "tutorial" with only one of its generators, whose defaults are `defaults`.
  static std::shared_ptr<const Graph> ShorterTutorial(const std::string& defaults) {
    return Make(absl::StrCat("name: 'tutorial' nodes { name: 'b' generate { runner: 'rb' ",
                             defaults,
                             " } } nodes { name: 'score' classify { runner: 'rs' inputs: 'b' } } "
                             "output: 'score'"));
  }

  std::vector<std::string> GraphNames() const {
    std::vector<std::string> names;
    for (const GraphStatus& status : executor_->DescribeGraphs()) {
      names.push_back(status.graph->name());
    }
    return names;
  }

  absl::Status Run(const std::string& graph, const std::string& params = "",
                   CallContext context = {}, bool partial = false) {
    return executor_->RunGraph(graph, {.text = "I", .params = Params(params), .partial = partial},
                               std::move(context), listener_, outcome_.Done());
  }

  std::shared_ptr<PuppetRunnerClient> ra_ = std::make_shared<PuppetRunnerClient>();
  std::shared_ptr<PuppetRunnerClient> rb_ = std::make_shared<PuppetRunnerClient>();
  std::shared_ptr<PuppetRunnerClient> rs_ = std::make_shared<PuppetRunnerClient>();
  absl::Time now_ = absl::UnixEpoch();
  std::shared_ptr<RecordingListener> listener_;  // Null: nobody listens.
  Outcome<std::vector<GraphResult>> outcome_;
  std::shared_ptr<const Graph> tutorial_, chain_;
  std::optional<Executor> executor_;
};

TEST_F(ExecutorTest, RepliesInTheOrderOfTheOutputsInputs) {
  ASSERT_TRUE(Run("tutorial", "seed: 7").ok());
  ra_->TakeGenerate().Finish(" am a", v1::FINISH_REASON_LENGTH);
  rs_->TakeClassify().Finish(0.25);
  rb_->TakeGenerate().Finish(" am b");
  EXPECT_EQ(outcome_.num_calls, 0);
  rs_->TakeClassify().Finish(0.75);
  ASSERT_EQ(outcome_.num_calls, 1);
  ASSERT_TRUE(outcome_.status().ok()) << outcome_.status();
  const std::vector<GraphResult>& results = **outcome_.value;
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].generated, "I am b");
  EXPECT_EQ(results[0].runner, "rb");
  EXPECT_EQ(results[0].end.reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(results[0].seed, 7u);
  EXPECT_THAT(results[0].classification.labels(), ElementsAre("NEGATIVE", "POSITIVE"));
  EXPECT_THAT(results[0].classification.results(0).scores(), ElementsAre(0.25, 0.75));
  EXPECT_EQ(results[1].generated, "I am a");
  EXPECT_EQ(results[1].runner, "ra");
  EXPECT_EQ(results[1].end.reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_THAT(results[1].classification.results(0).scores(), ElementsAre(0.75, 0.25));
}

TEST_F(ExecutorTest, TellsHowTheNodesCallsGo) {
  EXPECT_THAT(GraphNames(), ElementsAre("chain", "tutorial"));
  EXPECT_EQ(executor_->DescribeGraph("none").status().code(), absl::StatusCode::kNotFound);
  const auto describe = [&] { return executor_->DescribeGraph("tutorial").value(); };
  ra_->set_healthy(false);
  EXPECT_EQ(describe().nodes[0].runner.replicas.size(), 2u);
  EXPECT_EQ(describe().nodes[0].runner.num_healthy(), 0);
  EXPECT_EQ(describe().nodes[1].runner.num_healthy(), 1);

  ASSERT_TRUE(Run("tutorial").ok());
  EXPECT_EQ(describe().nodes[0].stats.in_flight, 1u);
  EXPECT_EQ(describe().nodes[0].stats.waiting, 1u);
  EXPECT_EQ(describe().nodes[2].stats.in_flight, 0u);
  EXPECT_EQ(executor_->DescribeGraph("chain")->nodes[0].stats.in_flight, 0u);
  auto a = ra_->TakeGenerate();
  a.Write(" x");
  EXPECT_EQ(describe().nodes[0].stats.waiting, 0u);
  now_ += absl::Seconds(2);
  a.Finish("y");
  EXPECT_EQ(describe().nodes[0].stats.in_flight, 0u);
  EXPECT_EQ(describe().nodes[0].stats.recent_calls, 1u);
  EXPECT_NEAR(absl::ToDoubleSeconds(*describe().nodes[0].stats.p50), 2, 0.1);
  EXPECT_EQ(describe().nodes[2].stats.in_flight, 1u);
  rs_->TakeClassify().Finish(1);
  EXPECT_EQ(describe().nodes[2].stats.recent_calls, 1u);
  rb_->TakeGenerate().Fail(absl::UnavailableError("gone"));
  EXPECT_EQ(describe().nodes[1].stats.recent_failures, 1u);
  EXPECT_EQ(describe().nodes[1].stats.in_flight, 0u);
}

TEST_F(ExecutorTest, CallsGeneratorsConcurrentlyAndNeverRepliesInline) {
  ASSERT_TRUE(Run("tutorial").ok());
  EXPECT_EQ(ra_->num_generate_calls(), 1u);
  EXPECT_EQ(rb_->num_generate_calls(), 1u);
  EXPECT_EQ(outcome_.num_calls, 0);
  for (auto& runner : {ra_, rb_}) {
    runner->TakeGenerate().Finish("");
    rs_->TakeClassify().Finish(1);
  }
}

TEST_F(ExecutorTest, ATextThatBeginsAgainIsWhatItThenBecomes) {
  ASSERT_TRUE(Run("chain").ok());
  auto call = ra_->TakeGenerate();
  EXPECT_NE(call.on_restart, nullptr);
  call.on_text(Delta("text: ' was' num_tokens: 1 logprobs { id: 1 }"));
  call.on_restart();
  call.Finish(" am");
  auto next = rb_->TakeGenerate();
  EXPECT_EQ(next.request.text(), "I am");
  next.Fail(absl::InternalError("enough"));
}

TEST_F(ExecutorTest, ATextThatSomebodyListensToDoesNotBeginAgain) {
  listener_ = std::make_shared<RecordingListener>();
  ASSERT_TRUE(Run("tutorial").ok());
  auto call = ra_->TakeGenerate();
  EXPECT_EQ(call.on_restart, nullptr);
  call.Fail(absl::InternalError("enough"));
  rb_->TakeGenerate().Fail(absl::CancelledError());
}

TEST_F(ExecutorTest, ScoresATextTheMomentItEnds) {
  ASSERT_TRUE(Run("tutorial").ok());
  auto a = ra_->TakeGenerate();
  a.Write(" x");
  a.Write("yz");
  EXPECT_EQ(rs_->num_classify_calls(), 0u);
  a.Finish("!");
  ASSERT_EQ(rs_->num_classify_calls(), 1u);  // b has not written a word.
  auto row = rs_->TakeClassify();
  EXPECT_THAT(row.request.texts(), ElementsAre("I xyz!"));
  row.Finish(1);
  rb_->TakeGenerate().Finish("");
  rs_->TakeClassify().Finish(1);
  EXPECT_EQ(outcome_.num_calls, 1);
}

TEST_F(ExecutorTest, GivesAGeneratorsWholeTextToTheNext) {
  ASSERT_TRUE(Run("chain").ok());
  EXPECT_EQ(rb_->num_generate_calls(), 0u);
  ra_->TakeGenerate().Finish(" am");
  EXPECT_EQ(rs_->num_classify_calls(), 0u);  // Only the second text is scored.
  auto second = rb_->TakeGenerate();
  EXPECT_EQ(second.request.text(), "I am");
  second.Finish(" here");
  auto row = rs_->TakeClassify();
  EXPECT_THAT(row.request.texts(), ElementsAre("I am here"));
  row.Finish(1);
  ASSERT_TRUE(outcome_.status().ok());
  ASSERT_EQ((**outcome_.value).size(), 1u);
  EXPECT_EQ((**outcome_.value)[0].runner, "rb");
}

TEST_F(ExecutorTest, FirstFailureCancelsTheOthersAndIsTheReply) {
  ASSERT_TRUE(Run("tutorial").ok());
  auto a = ra_->TakeGenerate();
  auto b = rb_->TakeGenerate();
  EXPECT_FALSE(b.context.stop.stop_requested());
  a.Fail(absl::UnavailableError("no healthy replica"));
  EXPECT_TRUE(b.context.stop.stop_requested());
  EXPECT_EQ(outcome_.num_calls, 0);  // It waits for the one it has cancelled.
  b.Fail(absl::CancelledError("cancelled"));
  EXPECT_EQ(outcome_.num_calls, 1);
  EXPECT_EQ(outcome_.status().message(), "a (ra): no healthy replica");
  EXPECT_EQ(outcome_.status().code(), absl::StatusCode::kUnavailable);
  const std::optional<FailedNode> node = FailedNodeOf(outcome_.status());
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->name, "a");
  EXPECT_EQ(node->stage, "generate");
}

TEST_F(ExecutorTest, ARunThatARunnerHasNoRoomForCallsNone) {
  rb_->set_room(absl::ResourceExhaustedError("full"));
  const absl::Status status = Run("tutorial");
  EXPECT_EQ(Plain(status), absl::ResourceExhaustedError("b (rb): full"));
  const std::optional<FailedNode> node = FailedNodeOf(status);
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->name, "b");
  EXPECT_EQ(node->stage, "generate");
  EXPECT_EQ(ra_->num_generate_calls(), 0u);
  EXPECT_EQ(outcome_.num_calls, 0);
  EXPECT_TRUE(executor_->WaitUntilIdle(absl::InfinitePast()));
  const GraphStatus graph = executor_->DescribeGraph("tutorial").value();
  EXPECT_EQ(graph.nodes[0].stats.recent_failures, 0u);
  EXPECT_EQ(graph.nodes[1].stats.recent_failures, 1u);
  EXPECT_EQ(graph.nodes[1].stats.in_flight, 0u);
  EXPECT_EQ(Plain(executor_->Generate("rb", {.text = "I"}, {}, nullptr, outcome_.Done())),
            absl::ResourceExhaustedError("rb: full"));

  rb_->set_room(absl::OkStatus());
  ASSERT_TRUE(Run("tutorial").ok());
  EXPECT_EQ(ra_->num_generate_calls(), 1u);
  ra_->TakeGenerate().Fail(absl::UnavailableError("gone"));
  rb_->TakeGenerate().Fail(absl::UnavailableError("gone"));
}

TEST_F(ExecutorTest, OnlyFirstCallsNeedRoom) {
  rb_->set_room(absl::ResourceExhaustedError("full"));  // It continues what ra writes.
  rs_->set_room(absl::ResourceExhaustedError("full"));
  ASSERT_TRUE(Run("chain").ok());
  ra_->TakeGenerate().Finish(" a");
  rb_->TakeGenerate().Finish(" b");
  rs_->TakeClassify().Finish(0.75);
  EXPECT_TRUE(outcome_.value.has_value() && outcome_.value->ok());
}

TEST_F(ExecutorTest, APartialRunCallsTheRunnersThatHaveRoom) {
  ra_->set_room(absl::ResourceExhaustedError("full"));
  ASSERT_TRUE(Run("tutorial", "", {}, /*partial=*/true).ok());
  ra_->TakeGenerate().Fail(absl::ResourceExhaustedError("full"));
  rb_->TakeGenerate().Finish(" b");
  rs_->TakeClassify().Finish(0.75);
  ASSERT_TRUE(outcome_.value.has_value() && outcome_.value->ok());
  EXPECT_EQ(Plain((**outcome_.value)[1].status), absl::ResourceExhaustedError("a (ra): full"));
}

TEST_F(ExecutorTest, APartialRunRepliesWithWhatCouldBeHad) {
  ASSERT_TRUE(Run("tutorial", "", {}, /*partial=*/true).ok());
  ra_->TakeGenerate().Fail(absl::UnavailableError("gone"));
  rb_->TakeGenerate().Finish(" b");
  rs_->TakeClassify().Finish(0.75);
  ASSERT_TRUE(outcome_.value.has_value() && outcome_.value->ok());
  const std::vector<GraphResult>& results = **outcome_.value;  // b, then a.
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_TRUE(results[0].status.ok());
  EXPECT_EQ(results[0].generated, "I b");
  EXPECT_EQ(Plain(results[1].status), absl::UnavailableError("a (ra): gone"));
  EXPECT_EQ(FailedNodeOf(results[1].status)->stage, "generate");
}

TEST_F(ExecutorTest, APartialRunFailsWhereAllTextsDo) {
  ASSERT_TRUE(Run("tutorial", "", {}, /*partial=*/true).ok());
  ra_->TakeGenerate().Finish(" a");
  rs_->TakeClassify().Fail(absl::InternalError("broken"));
  rb_->TakeGenerate().Fail(absl::UnavailableError("gone"));
  ASSERT_TRUE(outcome_.value.has_value());
  EXPECT_EQ(Plain(outcome_.value->status()), absl::InternalError("score (rs): broken"));
}

TEST_F(ExecutorTest, ATextThatWouldHaveContinuedAFailedOneHasItsError) {
  ASSERT_TRUE(Run("chain", "num_return_sequences: 2", {}, /*partial=*/true).ok());
  ra_->TakeGenerate().Fail(absl::UnavailableError("gone"));
  ra_->TakeGenerate().Finish(" a");
  EXPECT_EQ(rb_->num_generate_calls(), 1u);
  rb_->TakeGenerate().Finish(" b");
  while (rs_->num_classify_calls() > 0) rs_->TakeClassify().Finish(1);
  ASSERT_TRUE(outcome_.value.has_value() && outcome_.value->ok()) << outcome_.value->status();
  int num_failed = 0;
  for (const GraphResult& result : **outcome_.value) {
    if (result.status.ok()) continue;
    ++num_failed;
    EXPECT_EQ(Plain(result.status), absl::UnavailableError("first (ra): gone"));
  }
  EXPECT_EQ(num_failed * 2, static_cast<int>((*outcome_.value)->size()));
}

TEST_F(ExecutorTest, ABranchThatEndsAfterTheFailureIsNotScored) {
  ASSERT_TRUE(Run("tutorial").ok());
  ra_->TakeGenerate().Fail(absl::ResourceExhaustedError("queue is full"));
  rb_->TakeGenerate().Finish(" made it");
  EXPECT_EQ(rs_->num_classify_calls(), 0u);
  EXPECT_EQ(outcome_.num_calls, 1);
  EXPECT_EQ(Plain(outcome_.status()), absl::ResourceExhaustedError("a (ra): queue is full"));
}

TEST_F(ExecutorTest, AFailedRowNamesTheClassifierAndCancelsGenerators) {
  ASSERT_TRUE(Run("tutorial").ok());
  ra_->TakeGenerate().Finish("");
  auto b = rb_->TakeGenerate();
  rs_->TakeClassify().Fail(absl::InternalError("no"));
  EXPECT_TRUE(b.context.stop.stop_requested());
  b.Fail(absl::CancelledError("cancelled"));
  EXPECT_EQ(Plain(outcome_.status()), absl::InternalError("score (rs): no"));
}

TEST_F(ExecutorTest, AClassifierThatMiscountsIsABug) {
  ASSERT_TRUE(Run("chain").ok());
  ra_->TakeGenerate().Finish("");
  rb_->TakeGenerate().Finish("");
  runner::v1::ClassifyResponse two;
  for (int i = 0; i < 2; ++i) two.add_results();
  std::move(rs_->TakeClassify().done)(two);
  EXPECT_EQ(Plain(outcome_.status()),
            absl::InternalError("score (rs): one text was sent, 2 came back"));
}

TEST_F(ExecutorTest, TheCallersStopReachesEveryBranch) {
  std::stop_source stop;
  ASSERT_TRUE(Run("tutorial", "", {.stop = stop.get_token()}).ok());
  ra_->TakeGenerate().Finish("");
  auto row = rs_->TakeClassify();
  auto b = rb_->TakeGenerate();
  stop.request_stop();
  EXPECT_TRUE(row.context.stop.stop_requested());
  EXPECT_TRUE(b.context.stop.stop_requested());
  b.Fail(absl::CancelledError("cancelled"));
  row.Fail(absl::CancelledError("cancelled"));
  EXPECT_EQ(outcome_.num_calls, 1);
  EXPECT_EQ(outcome_.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ExecutorTest, StopsBetweenNodes) {
  std::stop_source stop;
  ASSERT_TRUE(Run("chain", "", {.stop = stop.get_token()}).ok());
  auto first = ra_->TakeGenerate();
  stop.request_stop();
  first.Finish(" ended all the same");
  EXPECT_EQ(rb_->num_generate_calls(), 0u);
  EXPECT_EQ(outcome_.num_calls, 1);
  EXPECT_EQ(Plain(outcome_.status()),
            absl::CancelledError("second (rb): the caller has cancelled"));
}

TEST_F(ExecutorTest, PassesDeadlineAndRequestIdToEveryStep) {
  const absl::Time deadline = now_ + absl::Hours(1);
  ASSERT_TRUE(Run("chain", "", {.deadline = deadline, .request_id = "r1"}).ok());
  auto first = ra_->TakeGenerate();
  EXPECT_EQ(first.context.deadline, deadline);
  EXPECT_EQ(first.context.request_id, "r1");
  EXPECT_FALSE(first.request.underway());
  first.Finish("");
  auto second = rb_->TakeGenerate();
  EXPECT_TRUE(second.request.underway());
  second.Finish("");
  auto row = rs_->TakeClassify();
  EXPECT_TRUE(row.request.underway());
  EXPECT_EQ(row.context.deadline, deadline);
  EXPECT_EQ(row.context.request_id, "r1");
  row.Finish(1);
}

TEST_F(ExecutorTest, LeavesTheClassifierItsTime) {
  ASSERT_TRUE(Run("tutorial", "", {.deadline = now_ + absl::Seconds(10)}).ok());
  auto a = ra_->TakeGenerate();
  EXPECT_EQ(a.request.finish_within_seconds(), 10 - 0.05);  // The margin.
  a.Finish("");
  now_ += absl::Seconds(2);
  rs_->TakeClassify().Finish(1);
  rb_->TakeGenerate().Finish("");
  rs_->TakeClassify().Finish(1);
  // Of its two calls one took two seconds.
  ASSERT_TRUE(Run("tutorial", "", {.deadline = now_ + absl::Seconds(10)}).ok());
  a = ra_->TakeGenerate();
  EXPECT_LT(a.request.finish_within_seconds(), 8.2);
  EXPECT_GT(a.request.finish_within_seconds(), 7.5);
  a.Fail(absl::InternalError(""));
  rb_->TakeGenerate().Fail(absl::InternalError(""));
  // Without a deadline there is no hurry.
  ASSERT_TRUE(Run("tutorial").ok());
  a = ra_->TakeGenerate();
  EXPECT_EQ(a.request.finish_within_seconds(), 0);
  a.Fail(absl::InternalError(""));
  rb_->TakeGenerate().Fail(absl::InternalError(""));
}

TEST_F(ExecutorTest, AfterABurstShortDeadlinesHaveTimeForATextAtOnceAndSoonAllOfIt) {
  ASSERT_TRUE(Run("tutorial").ok());
  ra_->TakeGenerate().Finish("");
  rb_->TakeGenerate().Finish("");
  now_ += absl::Seconds(5);
  for (int i = 0; i < 2; ++i) rs_->TakeClassify().Finish(1);
  const auto time_for_a_text = [&](absl::Duration left) {
    EXPECT_TRUE(Run("tutorial", "", {.deadline = now_ + left}).ok());
    auto a = ra_->TakeGenerate();
    const absl::Duration time = absl::Seconds(a.request.finish_within_seconds());
    a.Fail(absl::InternalError(""));
    rb_->TakeGenerate().Fail(absl::CancelledError(""));
    return time;
  };
  EXPECT_EQ(time_for_a_text(absl::Milliseconds(60)), absl::Microseconds(27500));
  EXPECT_EQ(time_for_a_text(absl::Milliseconds(150)), absl::Microseconds(71250));
  EXPECT_GT(time_for_a_text(absl::Seconds(20)), absl::Seconds(14.5));
  now_ += absl::Seconds(45);
  EXPECT_GT(time_for_a_text(absl::Milliseconds(60)), absl::Milliseconds(40));
  EXPECT_GT(time_for_a_text(absl::Milliseconds(150)), absl::Milliseconds(130));
}

TEST_F(ExecutorTest, SaysForWhatTheTimeOfATextThatHadTooLittleWasKept) {
  ASSERT_TRUE(Run("tutorial").ok());
  ra_->TakeGenerate().Finish("");
  rb_->TakeGenerate().Finish("");
  now_ += absl::Seconds(5);
  for (int i = 0; i < 2; ++i) rs_->TakeClassify().Finish(1);
  const auto fail = [&](absl::Duration after) {
    EXPECT_TRUE(Run("tutorial", "", {.deadline = now_ + absl::Milliseconds(100)}).ok());
    now_ += after;
    ra_->TakeGenerate().Fail(absl::DeadlineExceededError("no time"));
    rb_->TakeGenerate().Fail(absl::CancelledError(""));
    return Plain(outcome_.status());
  };
  EXPECT_EQ(fail(absl::Milliseconds(40)),
            absl::DeadlineExceededError(
                "a (ra): no time; of the 100ms that the call had left, 47.5ms were kept for the "
                "score (what scores took of late, at most half) and 5ms for the reply's way; allow "
                "more time"));
  // The call's own deadline has passed: nothing that was kept is to blame.
  EXPECT_EQ(fail(absl::Milliseconds(100)), absl::DeadlineExceededError("a (ra): no time"));
}

TEST_F(ExecutorTest, CountsWhatACallerDidApartFromFailures) {
  struct Case {
    absl::Status end;
    bool caller_left;
    uint32_t failures, caller_errors;
  };
  for (const Case& test : {
           Case{absl::InvalidArgumentError("too long"), false, 0, 1},
           Case{absl::CancelledError("left"), true, 0, 1},
           Case{absl::CancelledError("called off"), false, 0, 0},
           Case{absl::DeadlineExceededError("late"), false, 1, 0},
           Case{absl::ResourceExhaustedError("full"), false, 1, 0},
           Case{absl::UnavailableError("gone"), false, 1, 0},
           Case{absl::InternalError("bug"), false, 1, 0},
       }) {
    SCOPED_TRACE(test.end.ToString());
    executor_->SetGraphs({chain_});
    executor_->SetGraphs({tutorial_, chain_});  // Begins to count anew.
    std::stop_source stop;
    ASSERT_TRUE(Run("tutorial", "", {.stop = stop.get_token()}).ok());
    if (test.caller_left) stop.request_stop();
    ra_->TakeGenerate().Fail(test.end);
    rb_->TakeGenerate().Fail(absl::CancelledError(""));  // Called off, or the caller has left.
    const GraphStatus status = executor_->DescribeGraph("tutorial").value();
    EXPECT_EQ(status.nodes[0].stats.recent_failures, test.failures);
    EXPECT_EQ(status.nodes[0].stats.recent_caller_errors, test.caller_errors);
    EXPECT_EQ(status.nodes[1].stats.recent_failures, 0u);
    EXPECT_EQ(status.nodes[1].stats.recent_caller_errors, test.caller_left ? 1u : 0u);
  }
}

TEST_F(ExecutorTest, StartsNoNodeAfterTheDeadline) {
  const absl::Time deadline = now_ + absl::Milliseconds(200);
  ASSERT_TRUE(Run("chain", "", {.deadline = deadline}).ok());
  auto first = ra_->TakeGenerate();
  now_ = deadline;
  first.Finish(" too late");
  EXPECT_EQ(rb_->num_generate_calls(), 0u);
  EXPECT_EQ(outcome_.num_calls, 1);
  EXPECT_EQ(outcome_.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(outcome_.status().message()), HasSubstr("second (rb): the deadline"));
}

TEST_F(ExecutorTest, RefusesWhatHasEndedBeforeItBegan) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Run("tutorial", "", {.stop = stop.get_token()}).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Run("tutorial", "", {.deadline = now_ - absl::Seconds(1)}).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ra_->num_generate_calls(), 0u);
  EXPECT_EQ(outcome_.num_calls, 0);
}

TEST_F(ExecutorTest, ListsTheGraphsThereAre) {
  EXPECT_EQ(Run("nothing"),
            absl::NotFoundError("no graph is called \"nothing\"; there is chain, tutorial"));
  EXPECT_EQ(outcome_.num_calls, 0);
}

TEST_F(ExecutorTest, ARunEndsWithTheGraphItBeganWith) {
  ASSERT_TRUE(Run("tutorial").ok());
  executor_->SetGraphs({ShorterTutorial("")});
  Outcome<std::vector<GraphResult>> next;
  ASSERT_TRUE(executor_->RunGraph("tutorial", {.text = "I"}, {}, nullptr, next.Done()).ok());
  EXPECT_EQ(ra_->num_generate_calls(), 1u);
  ra_->TakeGenerate().Finish(" am a");
  for (int i = 0; i < 2; ++i) rb_->TakeGenerate().Finish(" am b");
  for (int i = 0; i < 3; ++i) rs_->TakeClassify().Finish(1);
  ASSERT_TRUE(outcome_.value.has_value() && outcome_.value->ok()) << outcome_.status();
  EXPECT_THAT(**outcome_.value, SizeIs(2));
  ASSERT_TRUE(next.value.has_value() && next.value->ok()) << next.status();
  EXPECT_THAT(**next.value, SizeIs(1));
}

TEST_F(ExecutorTest, AGraphThatIsGoneIsNotFoundWhileItsRunsEnd) {
  ASSERT_TRUE(Run("chain").ok());
  executor_->SetGraphs({tutorial_});
  EXPECT_THAT(GraphNames(), ElementsAre("tutorial"));
  EXPECT_EQ(executor_->DescribeGraph("chain").status().code(), absl::StatusCode::kNotFound);
  Outcome<std::vector<GraphResult>> next;
  EXPECT_EQ(executor_->RunGraph("chain", {.text = "I"}, {}, nullptr, next.Done()),
            absl::NotFoundError("no graph is called \"chain\"; there is tutorial"));
  ra_->TakeGenerate().Finish(" am");
  rb_->TakeGenerate().Finish(" b");
  rs_->TakeClassify().Finish(1);
  ASSERT_TRUE(outcome_.value.has_value());
  EXPECT_TRUE(outcome_.status().ok()) << outcome_.status();
}

TEST_F(ExecutorTest, AGraphThatIsAsItWasKeepsItsStatistics) {
  executor_->SetGraphs({ShorterTutorial("top_k: 5"), chain_});
  const auto num_calls = [&] {
    return executor_->DescribeGraph("tutorial")->nodes[0].stats.recent_calls;
  };
  ASSERT_TRUE(Run("tutorial").ok());
  rb_->TakeGenerate().Finish("");
  rs_->TakeClassify().Finish(1);
  EXPECT_EQ(num_calls(), 1u);
  executor_->SetGraphs({ShorterTutorial("top_k: 5")});
  EXPECT_EQ(num_calls(), 1u);
  executor_->SetGraphs({ShorterTutorial("top_k: 6")});
  EXPECT_EQ(num_calls(), 0u);
}

TEST_F(ExecutorTest, BranchesShareASeedAndDifferInBranch) {
  ASSERT_TRUE(Run("tutorial", "seed: 7").ok());
  auto a = ra_->TakeGenerate();
  auto b = rb_->TakeGenerate();
  EXPECT_EQ(a.params().seed(), 7u);
  EXPECT_EQ(b.params().seed(), 7u);
  EXPECT_EQ(a.request.branch(), 0u);
  EXPECT_EQ(b.request.branch(), 1u);
  a.Fail(absl::InternalError(""));
  b.Fail(absl::InternalError(""));
}

TEST_F(ExecutorTest, MakesOneSeedARequest) {
  uint64_t seeds[2];
  for (uint64_t& seed : seeds) {
    ASSERT_TRUE(Run("tutorial").ok());
    auto a = ra_->TakeGenerate();
    auto b = rb_->TakeGenerate();
    EXPECT_EQ(a.params().seed(), b.params().seed());
    seed = a.params().seed();
    b.Finish("");
    a.Finish("");
    rs_->TakeClassify().Finish(1);
    rs_->TakeClassify().Finish(1);
    ASSERT_TRUE(outcome_.status().ok());
    EXPECT_EQ((**outcome_.value)[0].seed, seed);
  }
  EXPECT_NE(seeds[0], seeds[1]);
}

TEST_F(ExecutorTest, OverridesTheGraphsDefaults) {
  ASSERT_TRUE(
      Run("chain", "max_length: 9 do_sample: false temperature: 2 top_p: 0.5 seed: 1").ok());
  auto first = ra_->TakeGenerate();
  EXPECT_EQ(first.params().max_length(), 9u);
  EXPECT_FALSE(first.params().has_max_new_tokens());  // It would win over the 9.
  EXPECT_FALSE(first.params().do_sample());
  EXPECT_EQ(first.params().temperature(), 2);
  EXPECT_EQ(first.params().top_k(), 3u);  // The graph's.
  EXPECT_EQ(first.params().top_p(), 0.5);
  first.Fail(absl::InternalError(""));

  ASSERT_TRUE(Run("chain", "max_new_tokens: 2 top_k: 0").ok());
  first = ra_->TakeGenerate();
  EXPECT_FALSE(first.params().has_max_length());  // The runner knows what is best for its model.
  EXPECT_EQ(first.params().max_new_tokens(), 2u);
  EXPECT_FALSE(first.params().has_do_sample());
  EXPECT_TRUE(first.params().has_top_k());
  EXPECT_EQ(first.params().top_k(), 0u);
  first.Fail(absl::InternalError(""));
}

TEST_F(ExecutorTest, GeneratesWithOneModel) {
  ASSERT_TRUE(executor_
                  ->Generate("ra", {.text = "I", .params = Params("top_k: 1 seed: 3")},
                             {.request_id = "r"}, nullptr, outcome_.Done())
                  .ok());
  auto call = ra_->TakeGenerate();
  EXPECT_EQ(call.request.text(), "I");
  EXPECT_EQ(call.params().top_k(), 1u);
  EXPECT_FALSE(call.params().has_max_length());
  EXPECT_EQ(call.request.branch(), 0u);
  EXPECT_EQ(call.context.request_id, "r");
  call.Write(" am");
  call.Finish(" here", v1::FINISH_REASON_LENGTH);
  ASSERT_EQ(outcome_.num_calls, 1);
  ASSERT_TRUE(outcome_.status().ok());
  ASSERT_EQ((*outcome_.value)->size(), 1u);
  const GraphResult& result = (**outcome_.value)[0];
  EXPECT_EQ(result.generated, "I am here");
  EXPECT_EQ(result.prompt_bytes, 1u);
  EXPECT_EQ(result.seed, 3u);
  EXPECT_EQ(result.end.reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(result.end.generated_tokens(), 2u);
  EXPECT_EQ(rs_->num_classify_calls(), 0u);
}

// Tokens without a text count, those of a text that began again do not.
TEST_F(ExecutorTest, ATextHasTheLogprobsOfItsOwnTokens) {
  ASSERT_TRUE(executor_
                  ->Generate("ra", {.text = "I", .params = Params("seed: 3 logprobs: 0")}, {},
                             nullptr, outcome_.Done())
                  .ok());
  auto call = ra_->TakeGenerate();
  call.on_text(Delta("text: ' was' num_tokens: 1 logprobs { id: 1 }"));
  call.on_restart();
  call.on_text(Delta("text: ' am' num_tokens: 1 logprobs { id: 2 }"));
  call.on_text(Delta("text: '' num_tokens: 1 logprobs { id: 3 }"));
  call.Finish("");
  ASSERT_TRUE(outcome_.status().ok());
  const GraphResult& result = (**outcome_.value)[0];
  EXPECT_EQ(result.generated, "I am");
  EXPECT_EQ(result.end.generated_tokens(), 2u);
  ASSERT_EQ(result.logprobs.size(), 2u);
  EXPECT_EQ(result.logprobs[0].id(), 2u);
  EXPECT_EQ(result.logprobs[1].id(), 3u);
}

TEST_F(ExecutorTest, TellsItsListenerWhatHappensTheMomentItDoes) {
  listener_ = std::make_shared<RecordingListener>();
  ASSERT_TRUE(Run("tutorial").ok());
  auto b = rb_->TakeGenerate();
  b.Write(" b");
  ra_->TakeGenerate().Finish(" a");
  rs_->TakeClassify().Finish(0.5);
  b.Finish("!");
  EXPECT_THAT(listener_->heard, ElementsAre("0 b:  b", "1 a:  a", "1 a: whole I a",
                                            "1 a: scored 0.5", "0 b: !", "0 b: whole I b!"));
  rs_->TakeClassify().Finish(0.25);
  EXPECT_EQ(listener_->heard.back(), "0 b: scored 0.25");
  EXPECT_EQ(outcome_.num_calls, 1);
}

TEST_F(ExecutorTest, ATextThatIsOnlyContinuedHasNoPlaceInTheReply) {
  listener_ = std::make_shared<RecordingListener>();
  ASSERT_TRUE(Run("chain").ok());
  ra_->TakeGenerate().Finish(" am");
  rb_->TakeGenerate().Finish(" here");
  rs_->TakeClassify().Finish(1);
  EXPECT_THAT(listener_->heard,
              ElementsAre("- first:  am", "- first: whole I am", "0 second:  am", "0 second:  here",
                          "0 second: whole I am here", "0 second: scored 1"));
}

TEST_F(ExecutorTest, GivesSeveralTextsABranchBranchByBranch) {
  listener_ = std::make_shared<RecordingListener>();
  ASSERT_TRUE(Run("tutorial", "seed: 7 num_return_sequences: 2").ok());
  for (int i = 0; i < 2; ++i) {
    auto a = ra_->TakeGenerate();
    EXPECT_EQ(a.request.sequence(), static_cast<uint32_t>(i));
    EXPECT_EQ(a.params().seed(), 7u);
    a.Finish(absl::StrCat(" a", i));
    rs_->TakeClassify().Finish(0.125 * i);
    rb_->TakeGenerate().Finish(absl::StrCat(" b", i));
    rs_->TakeClassify().Finish(0.5 + 0.125 * i);
  }
  ASSERT_TRUE(outcome_.status().ok()) << outcome_.status();
  std::vector<std::string> texts;
  for (const GraphResult& result : **outcome_.value) texts.push_back(result.generated);
  EXPECT_THAT(texts, ElementsAre("I b0", "I b1", "I a0", "I a1"));
  EXPECT_EQ((**outcome_.value)[1].classification.results(0).scores(1), 0.625);
  EXPECT_THAT(listener_->heard, Contains("3 a: scored 0.125"));
}

TEST_F(ExecutorTest, ContinuesEachOfSeveralTexts) {
  ASSERT_TRUE(Run("chain", "num_return_sequences: 2").ok());
  auto zero = ra_->TakeGenerate();
  ra_->TakeGenerate().Finish(" one");
  auto second = rb_->TakeGenerate();
  EXPECT_EQ(second.request.text(), "I one");
  EXPECT_EQ(second.request.sequence(), 1u);
  zero.Finish(" zero");
  EXPECT_EQ(rb_->TakeGenerate().request.text(), "I zero");
  second.Fail(absl::InternalError(""));
}

TEST_F(ExecutorTest, OneFailureOfSeveralTextsCancelsAll) {
  ASSERT_TRUE(Run("tutorial", "num_return_sequences: 2").ok());
  ra_->TakeGenerate().Fail(absl::UnavailableError("gone"));
  auto other = ra_->TakeGenerate();
  EXPECT_TRUE(other.context.stop.stop_requested());
  other.Fail(absl::CancelledError(""));
  rb_->TakeGenerate().Fail(absl::CancelledError(""));
  rb_->TakeGenerate().Fail(absl::CancelledError(""));
  EXPECT_EQ(Plain(outcome_.status()), absl::UnavailableError("a (ra): gone"));
}

TEST_F(ExecutorTest, SeveralTextsMustBeSampled) {
  EXPECT_EQ(Run("tutorial", "do_sample: false num_return_sequences: 2").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ra_->num_generate_calls(), 0u);
}

TEST_F(ExecutorTest, LargeTextsAreCompletedByTheWorkersWhoAreWaitedFor) {
  WorkerPool workers(1);
  Executor executor({}, {{"ra", ra_}}, absl::Now, nullptr, &workers);
  for (const size_t num_bytes : {size_t{10}, WorkerPool::kLargeBytes + 1}) {
    std::promise<std::thread::id> completed;
    ASSERT_TRUE(executor
                    .Generate("ra", {.text = "I"}, {}, nullptr,
                              [&](const absl::StatusOr<std::vector<GraphResult>>& results) {
                                EXPECT_TRUE(results.ok());
                                completed.set_value(std::this_thread::get_id());
                              })
                    .ok());
    ra_->TakeGenerate().Finish(std::string(num_bytes, 'x'));
    EXPECT_EQ(completed.get_future().get() == std::this_thread::get_id(), num_bytes == 10);
  }
  // A run is in flight until the workers have completed it.
  std::promise<void> go_on;
  workers.Run([&] { go_on.get_future().wait(); });
  ASSERT_TRUE(executor
                  .Generate("ra", {.text = "I"}, {}, nullptr,
                            [](const absl::StatusOr<std::vector<GraphResult>>&) {})
                  .ok());
  ra_->TakeGenerate().Finish(std::string(WorkerPool::kLargeBytes + 1, 'x'));
  EXPECT_FALSE(executor.WaitUntilIdle(absl::InfinitePast()));
  go_on.set_value();
  EXPECT_TRUE(executor.WaitUntilIdle(absl::InfiniteFuture()));
}

TEST_F(ExecutorTest, TokenizesAndDetokenizes) {
  Outcome<runner::v1::TokenizeResponse> tokens;
  ASSERT_TRUE(executor_
                  ->Tokenize("ra",
                             ParseProto<runner::v1::TokenizeRequest>(
                                 "text: 'I' offset: 3 split_special_tokens: true"),
                             {}, tokens.Done())
                  .ok());
  auto call = ra_->TakeTokenize();
  EXPECT_EQ(call.request.text(), "I");
  EXPECT_EQ(call.request.offset(), 3u);
  EXPECT_TRUE(call.request.split_special_tokens());
  std::move(call.done)(ParseProto<runner::v1::TokenizeResponse>(
      "tokens { id: 40 text: 'I' begin: 0 end: 1 } num_tokens: 1"));
  ASSERT_TRUE(tokens.status().ok());
  EXPECT_EQ((*tokens.value)->tokens(0).id(), 40u);

  Outcome<runner::v1::DetokenizeResponse> text;
  ASSERT_TRUE(
      executor_
          ->Detokenize("ra", ParseProto<runner::v1::DetokenizeRequest>("ids: 40"), {}, text.Done())
          .ok());
  auto back = ra_->TakeDetokenize();
  EXPECT_THAT(back.request.ids(), ElementsAre(40));
  std::move(back.done)(absl::InvalidArgumentError("no such id"));
  EXPECT_EQ(text.status(), absl::InvalidArgumentError("ra: no such id"));
}

TEST_F(ExecutorTest, ClassifiesWithOneModel) {
  Outcome<runner::v1::ClassifyResponse> outcome;
  ASSERT_TRUE(executor_
                  ->Classify("rs", ParseProto<runner::v1::ClassifyRequest>("texts: 'good'"), {},
                             outcome.Done())
                  .ok());
  auto call = rs_->TakeClassify();
  EXPECT_THAT(call.request.texts(), ElementsAre("good"));
  EXPECT_FALSE(call.request.underway());
  call.Finish(0.5);
  ASSERT_TRUE(outcome.status().ok());
  EXPECT_EQ((*outcome.value)->results_size(), 1);
}

TEST_F(ExecutorTest, SingleModelErrorsNameTheRunner) {
  ASSERT_TRUE(executor_->Generate("ra", {.text = "I"}, {}, nullptr, outcome_.Done()).ok());
  ra_->TakeGenerate().Fail(absl::InvalidArgumentError("is a classifier"));
  EXPECT_EQ(Plain(outcome_.status()), absl::InvalidArgumentError("ra: is a classifier"));

  Outcome<runner::v1::ClassifyResponse> classified;
  ASSERT_TRUE(executor_->Classify("rs", {}, {}, classified.Done()).ok());
  rs_->TakeClassify().Fail(absl::UnavailableError("gone"));
  EXPECT_EQ(classified.status(), absl::UnavailableError("rs: gone"));

  EXPECT_EQ(executor_->Generate("x", {.text = "I"}, {}, nullptr, outcome_.Done()),
            absl::NotFoundError("no model is called \"x\"; there is ra, rb, rs"));
  EXPECT_EQ(executor_->Classify("y", {}, {}, classified.Done()),
            absl::NotFoundError("no model is called \"y\"; there is ra, rb, rs"));
}

TEST_F(ExecutorTest, NamesModelsThatDoSomethingElseAndRunsNoGraphOnThem) {
  EXPECT_THAT(executor_->WrongModels(), IsEmpty());
  rb_->set_model({ModelTask::kClassify, "BertForSequenceClassification"});
  rs_->set_model({ModelTask::kGenerate, "GPT2LMHeadModel"});
  const std::string second =
      "graph \"chain\": node \"second\" generates, but the model of its runner \"rb\" is a "
      "classifier (BertForSequenceClassification): give the runner a generator or the node another "
      "runner";
  EXPECT_THAT(
      executor_->WrongModels(),
      ElementsAre("graph \"chain\": node \"score\" classifies, but the model of its runner \"rs\" "
                  "is a generator (GPT2LMHeadModel): give the runner a classifier or the node "
                  "another runner",
                  second, HasSubstr("graph \"tutorial\": node \"b\" generates"),
                  HasSubstr("graph \"tutorial\": node \"score\" classifies")));
  EXPECT_THAT(Executor::WrongModels({chain_}, {{"ra", ra_}, {"rb", rb_}, {"rs", rs_}}), SizeIs(2));
  EXPECT_EQ(Run("chain"), absl::UnavailableError(second));
  EXPECT_EQ(ra_->num_generate_calls(), 0u);
  EXPECT_EQ(executor_->DescribeGraph("chain")->nodes[1].runner.num_healthy(ModelTask::kGenerate),
            0);
  // One model by itself is asked all the same, and says itself what it is.
  ASSERT_TRUE(executor_->Generate("rb", {.text = "I"}, {}, nullptr, outcome_.Done()).ok());
  rb_->TakeGenerate().Fail(absl::InvalidArgumentError("is a classifier"));

  rb_->set_model({ModelTask::kGenerate, "GPT2LMHeadModel"});
  rs_->set_model({ModelTask::kClassify, "BertForSequenceClassification"});
  EXPECT_THAT(executor_->WrongModels(), IsEmpty());
  ASSERT_TRUE(Run("chain").ok());
  ra_->TakeGenerate().Fail(absl::InternalError("enough"));
}

TEST_F(ExecutorTest, ListsWhatGraphsLack) {
  const Executor::Runners runners = {{"ra", ra_}, {"rb", rb_}, {"rs", rs_}};
  EXPECT_THAT(Executor::Lacks({chain_}, runners), IsEmpty());
  rb_->set_healthy(false);
  rs_->set_model({ModelTask::kGenerate, "GPT2LMHeadModel"});
  EXPECT_THAT(Executor::Lacks({chain_}, runners),
              ElementsAre(HasSubstr("node \"score\" classifies, but the model of its runner"),
                          "graph \"chain\": node \"second\": no replica of its runner \"rb\" "
                          "serves"));
}

TEST_F(ExecutorTest, ListsUnhealthyRunners) {
  EXPECT_THAT(executor_->UnhealthyRunners(), IsEmpty());
  rs_->set_healthy(false);
  ra_->set_healthy(false);
  EXPECT_THAT(executor_->UnhealthyRunners(), ElementsAre("ra", "rs"));
}

}  // namespace
}  // namespace chorus::gateway
