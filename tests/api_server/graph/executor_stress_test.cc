// Many runs at once, answered by many threads; what counts here is that ThreadSanitizer stays quiet
// and that every run completes exactly once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api_server/graph/executor.h"
#include "tests/base/parse_proto.h"

namespace chorus::gateway {
namespace {

// A few threads that take the tasks in any order.
class Pool {
 public:
  explicit Pool(int num_threads) {
    for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void Run(absl::AnyInvocable<void() &&> task) {
    {
      std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      std::move(task)();
      task = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<absl::AnyInvocable<void() &&>> tasks_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

// Answers on the pool; every `fail_every`th call fails, and a cancelled one ends with CANCELLED.
class PoolRunnerClient : public RunnerClient {
 public:
  PoolRunnerClient(Pool& pool, int fail_every) : pool_(pool), fail_every_(fail_every) {}

  void Generate(runner::v1::GenerateRequest request, CallContext context, OnText on_text, OnRestart,
                Done<v1::GenerationEnd> done) override {
    const bool fail = Fails();
    pool_.Run([fail, branch = request.branch(), context = std::move(context),
               on_text = std::move(on_text), done = std::move(done)]() mutable {
      for (int i = 0; i < 3 && !context.stop.stop_requested(); ++i) {
        v1::TextDelta delta;
        delta.set_text(absl::StrCat(" ", branch));
        on_text(std::move(delta));
        std::this_thread::yield();
      }
      if (context.stop.stop_requested()) return std::move(done)(absl::CancelledError("cancelled"));
      if (fail) return std::move(done)(absl::UnavailableError("scripted"));
      std::move(done)(v1::GenerationEnd());
    });
  }
  void Classify(runner::v1::ClassifyRequest request, CallContext context,
                Done<runner::v1::ClassifyResponse> done) override {
    const bool fail = Fails();
    pool_.Run([fail, request = std::move(request), context = std::move(context),
               done = std::move(done)]() mutable {
      if (context.stop.stop_requested()) return std::move(done)(absl::CancelledError("cancelled"));
      if (fail) return std::move(done)(absl::UnavailableError("scripted"));
      runner::v1::ClassifyResponse response;  // The label is the text.
      response.add_results()->add_scores(1);
      if (request.texts_size() > 0) response.add_labels(request.texts(0));
      std::move(done)(std::move(response));
    });
  }
  void Embed(runner::v1::EmbedRequest, CallContext, Done<runner::v1::EmbedResponse> done) override {
    std::move(done)(absl::UnimplementedError("not needed"));
  }
  void Tokenize(runner::v1::TokenizeRequest, CallContext,
                Done<runner::v1::TokenizeResponse> done) override {
    std::move(done)(absl::UnimplementedError("not needed"));
  }
  void Detokenize(runner::v1::DetokenizeRequest, CallContext,
                  Done<runner::v1::DetokenizeResponse> done) override {
    std::move(done)(absl::UnimplementedError("not needed"));
  }
  absl::Status CheckRoom(size_t, const v1::GenerationParams&) override { return absl::OkStatus(); }
  RunnerStatus status() const override { return {.replicas = {{.healthy = true}}}; }
  bool healthy() const override { return true; }
  bool suits(ModelTask) const override { return true; }

 private:
  bool Fails() { return fail_every_ > 0 && ++num_calls_ % fail_every_ == 0; }

  Pool& pool_;
  const int fail_every_;
  std::atomic<int> num_calls_ = 0;
};

struct Counts {
  std::atomic<int> ok = 0, cancelled = 0, failed = 0;
};

// `num_runs` runs of a diamond-shaped graph from two threads; `cancel` leaves some of them mid-way.
void Stress(int num_runs, int fail_every, bool cancel, Counts& counts) {
  auto graph = Graph::Create(ParseProto<config::v1::Graph>(R"pb(
                               name: "g"
                               nodes {
                                 name: "a"
                                 generate { runner: "r" }
                               }
                               nodes {
                                 name: "b"
                                 generate { runner: "r" input: "a" }
                               }
                               nodes {
                                 name: "c"
                                 generate { runner: "r" input: "a" }
                               }
                               nodes {
                                 name: "d"
                                 generate { runner: "r" }
                               }
                               nodes {
                                 name: "s"
                                 classify {
                                   runner: "r"
                                   inputs: [ "d", "c", "b", "a" ]
                                 }
                               }
                               output: "s")pb"),
                             {"r"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  Pool pool(4);
  Executor executor({*graph}, {{"r", std::make_shared<PoolRunnerClient>(pool, fail_every)}});
  std::latch finished(num_runs);
  std::vector<std::atomic<int>> num_done(num_runs);
  const auto submit = [&](int first) {
    for (int i = first; i < num_runs; i += 2) {
      std::stop_source stop;
      const absl::Status status = executor.RunGraph(
          "g", {.text = "x"}, {.stop = stop.get_token()}, nullptr,
          [&, i](absl::StatusOr<std::vector<GraphResult>> results) {
            ++num_done[i];
            if (results.ok()) {
              ++counts.ok;
              EXPECT_EQ((*results)[0].generated, "x 3 3 3");
              EXPECT_EQ((*results)[1].generated, "x 0 0 0 2 2 2");
              EXPECT_EQ((*results)[2].generated, "x 0 0 0 1 1 1");
              EXPECT_EQ((*results)[3].generated, "x 0 0 0");
              for (const GraphResult& result : *results) {
                EXPECT_EQ(result.classification.labels(0), result.generated);
              }
            } else {
              ++(results.status().code() == absl::StatusCode::kCancelled ? counts.cancelled
                                                                         : counts.failed);
            }
            finished.count_down();
          });
      EXPECT_TRUE(status.ok()) << status;
      if (cancel && i % 3 == 0) stop.request_stop();
    }
  };
  std::thread other([&] { submit(1); });
  submit(0);
  other.join();
  finished.wait();
  for (const std::atomic<int>& times : num_done) EXPECT_EQ(times, 1);
}

TEST(ExecutorStress, EveryRunSucceeds) {
  Counts counts;
  Stress(300, 0, false, counts);
  EXPECT_EQ(counts.ok, 300);
}

TEST(ExecutorStress, AFailureIsTheRunsErrorAndNeverACancellation) {
  Counts counts;
  Stress(300, 5, false, counts);
  EXPECT_EQ(counts.ok + counts.failed, 300);
  EXPECT_GT(counts.failed, 0);
}

TEST(ExecutorStress, CancelledRunsCompleteOnceToo) {
  Counts counts;
  Stress(300, 11, true, counts);
  EXPECT_EQ(counts.ok + counts.failed + counts.cancelled, 300);
  EXPECT_GT(counts.ok, 0);
}

// Each run is of one graph or of the other, whole.
TEST(ExecutorStress, RunsGoOnWhileTheirGraphIsReplaced) {
  const auto make = [](const std::string& inputs) {
    return Graph::Create(ParseProto<config::v1::Graph>(
                             absl::StrCat("name: 'g' nodes { name: 'a' generate { runner: 'r' } } "
                                          "nodes { name: 'b' generate { runner: 'r' input: 'a' } } "
                                          "nodes { name: 's' classify { runner: 'r' inputs: [",
                                          inputs, "] } } output: 's'")),
                         {"r"})
        .value();
  };
  const std::shared_ptr<const Graph> graphs[] = {make("'a', 'b'"), make("'b'")};
  constexpr int kNumRuns = 600;
  Pool pool(4);
  Executor executor({graphs[0]}, {{"r", std::make_shared<PoolRunnerClient>(pool, 0)}});
  std::atomic<int> num_done = 0;
  std::thread replacer([&] {
    for (int i = 0; num_done < kNumRuns; ++i) {
      executor.SetGraphs({graphs[i % 2]});
      EXPECT_EQ(executor.DescribeGraphs().size(), 1u);
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < kNumRuns; ++i) {
    const absl::Status status = executor.RunGraph(
        "g", {.text = "x"}, {}, nullptr, [&](absl::StatusOr<std::vector<GraphResult>> results) {
          EXPECT_TRUE(results.ok()) << results.status();
          EXPECT_EQ(results->back().generated, "x 0 0 0 1 1 1");
          EXPECT_EQ(results->front().generated, results->size() == 2 ? "x 0 0 0" : "x 0 0 0 1 1 1");
          ++num_done;
        });
    EXPECT_TRUE(status.ok()) << status;
  }
  replacer.join();
}

// Destroying the executor waits for what is in progress.
TEST(ExecutorStress, DestructorWaitsForRuns) {
  auto graph = Graph::Create(ParseProto<config::v1::Graph>(R"pb(
                               name: "g"
                               nodes {
                                 name: "a"
                                 generate { runner: "r" }
                               }
                               nodes {
                                 name: "s"
                                 classify { runner: "r" inputs: "a" }
                               }
                               output: "s")pb"),
                             {"r"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  Pool pool(2);
  std::atomic<int> num_done = 0;
  {
    Executor executor({*graph}, {{"r", std::make_shared<PoolRunnerClient>(pool, 0)}});
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(
          executor.RunGraph("g", {.text = "x"}, {}, nullptr, [&](auto) { ++num_done; }).ok());
      ASSERT_TRUE(
          executor.Generate("r", {.text = "x"}, {}, nullptr, [&](auto) { ++num_done; }).ok());
      ASSERT_TRUE(executor.Classify("r", {}, {}, [&](auto) { ++num_done; }).ok());
    }
  }
  EXPECT_EQ(num_done, 150);
}

}  // namespace
}  // namespace chorus::gateway
