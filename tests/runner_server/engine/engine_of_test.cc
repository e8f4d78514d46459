#include "runner_server/engine/engine_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "runner_server/engine/mailbox.h"
#include "tests/base/temp_directory.h"
#include "tests/runner_server/engine/fake_tokenizer.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;

// Ends a call a step and tells on how many threads, 0 if nobody said.
class FakeStepper {
 public:
  struct Request {
    bool underway() const { return false; }
    bool is_too_large = false;
  };
  struct Callbacks {
    absl::AnyInvocable<void(absl::StatusOr<int>) &&> on_done;
  };
  using Call = EngineCall<Request, Callbacks>;
  using Arrival = Call;
  static constexpr std::string_view kWhat = "a fake";
  static constexpr bool kManyTexts = false;

  explicit FakeStepper(std::vector<int>& threads_of_steps) : threads_of_steps_(threads_of_steps) {}

  static Request WarmUpRequest() { return {}; }
  absl::Status Check(const Request&) const { return absl::OkStatus(); }
  static int NumSequences(const Request&) { return 1; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  void FillInfo(runner::v1::GetModelInfoResponse& info) const { info.set_context_size(7); }
  void FillLoad(runner::v1::GetLoadResponse& load) const { load.set_kv_cache_used_ratio(0.5); }
  absl::StatusOr<Arrival> Prepare(Call& call) const {
    if (call.request.is_too_large) throw std::bad_alloc();
    return std::move(call);
  }

  void Add(Arrival call) { calls_.push_back(std::move(call)); }
  bool HasWork() const { return !calls_.empty(); }
  void set_num_threads(int num_threads) { num_threads_ = num_threads; }
  void Step(absl::Time) {
    threads_of_steps_.push_back(num_threads_);
    End(num_threads_);
  }
  void FailAll(const absl::Status& status) {
    while (HasWork()) End(status);
  }

 private:
  void End(absl::StatusOr<int> result) {
    Call call = std::move(calls_.back());
    calls_.pop_back();
    std::move(call.callbacks.on_done)(std::move(result));
  }

  const FakeTokenizer tokenizer_;
  std::vector<int>& threads_of_steps_;
  std::vector<Call> calls_;
  int num_threads_ = 0;
};

class EngineOfTest : public ::testing::Test {
 protected:
  std::unique_ptr<EngineOf<FakeStepper>> Make(const Engine::Options& options) {
    return std::make_unique<EngineOf<FakeStepper>>(std::make_unique<FakeStepper>(threads_of_steps_),
                                                   observer_, options);
  }

  // The threads of the steps of two calls.
  std::vector<int> RunTwo(CoreLease* core_lease) {
    threads_of_steps_.clear();
    const auto engine = Make({.core_lease = core_lease});
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(engine->WarmUp().ok());
    return threads_of_steps_;
  }

  RecordingObserver observer_;
  std::vector<int> threads_of_steps_;
};

TEST_F(EngineOfTest, LeavesTheThreadsAsTheyAreWithoutALease) {
  EXPECT_THAT(RunTwo(nullptr), ElementsAre(0, 0));
}

TEST_F(EngineOfTest, StepsOnAsManyThreadsAsTheLeaseSays) {
  const TempDirectory directory;
  const std::filesystem::path file = directory / "cores";
  PutFile(file, std::string(2 * CoreLease::kSlotBytes, '\0'));
  const auto mine = *CoreLease::Open({.file = file, .slot = 0, .num_cores = 4});
  EXPECT_THAT(RunTwo(mine.get()), ElementsAre(4, 4));

  const auto other = *CoreLease::Open({.file = file, .slot = 1, .num_cores = 4});
  EXPECT_EQ(other->BeginStep(CoreLease::Clock::now() + CoreLease::kLinger), 4);
  EXPECT_THAT(RunTwo(mine.get()), ElementsAre(2, 2));
}

TEST_F(EngineOfTest, OutlivesATextThatThereIsNoMemoryFor) {
  const auto engine = Make({});
  Mailbox<absl::StatusOr<int>> ended;
  FakeStepper::Callbacks callbacks = {
      .on_done = [&](absl::StatusOr<int> result) { ended.TryPush(result); }};
  ASSERT_TRUE(engine
                  ->Submit({.is_too_large = true}, absl::InfiniteFuture(), std::stop_token(),
                           std::move(callbacks))
                  .ok());
  EXPECT_EQ(ended.Take()->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(engine->load().queued_sequences(), 0u);
  EXPECT_TRUE(engine->WarmUp().ok());
}

TEST_F(EngineOfTest, TellsWhatItsOwnerAndItsStepperSay) {
  Engine::Options options;
  options.info.set_name("fake");
  const std::unique_ptr<Engine> engine = Make(options);
  EXPECT_EQ(engine->info().name(), "fake");
  EXPECT_EQ(engine->info().context_size(), 7u);
  EXPECT_EQ(engine->load().kv_cache_used_ratio(), 0.5);
  EXPECT_EQ(engine->what(), "a fake");
}

}  // namespace
}  // namespace chorus::runner
