#include "runner_server/served_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "runner_server/engine/generation_stepper.h"
#include "runner_server/engine/mailbox.h"

namespace chorus::runner {
namespace {

using ::testing::HasSubstr;

using End = absl::StatusOr<chorus::v1::GenerationEnd>;

class ServedModelTest : public ::testing::Test {
 protected:
  // Of the model of `version` that serves from then on.
  GenerationEngine* Serve(const std::string& version) {
    auto host = ModelHost::Load(
        {.directory = "models/demo/distilgpt2", .name = "gpt2", .version = version}, metrics_);
    EXPECT_TRUE(host.ok()) << host.status();
    auto* engine = dynamic_cast<GenerationEngine*>(&(*host)->engine());
    return served_.Serve(*std::move(host)) ? engine : nullptr;
  }

  // A text of 200 tokens; returns once it is being written.
  static void Begin(GenerationEngine& engine, Mailbox<End>& end) {
    runner::v1::GenerateRequest request;
    request.set_text("Once upon a time");
    request.mutable_params()->set_max_new_tokens(200);
    request.mutable_params()->set_ignore_eos(true);
    auto begun = std::make_shared<Mailbox<bool>>();
    const absl::Status accepted =
        engine.Submit(request, absl::InfiniteFuture(), {},
                      {.on_delta =
                           [begun](chorus::v1::TextDelta) {
                             bool yes = true;
                             begun->TryPush(yes);
                           },
                       .on_done = [&end](End done) { end.TryPush(done); }});
    ASSERT_TRUE(accepted.ok()) << accepted;
    begun->Take();
  }

  RunnerMetrics metrics_{"gpt2", ""};
  RunnerService service_{metrics_};
  ServedModel served_{service_, metrics_};
};

TEST_F(ServedModelTest, HasNoneAtFirst) {
  EXPECT_EQ(served_.info().name(), "");
  EXPECT_EQ(served_.load().running_sequences(), 0u);
  served_.EndBefore();
  served_.Drain(absl::InfiniteFuture());
  EXPECT_EQ(Serve("v1"), nullptr);
}

TEST_F(ServedModelTest, TheOneBeforeEndsItsCalls) {
  GenerationEngine* first = Serve("v1");
  ASSERT_NE(first, nullptr);
  served_.EndBefore();
  Mailbox<End> end_of_first, end_of_second;
  Begin(*first, end_of_first);
  GenerationEngine* second = Serve("v2");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(served_.info().version(), "v2");
  EXPECT_EQ(first->Submit({}, absl::InfiniteFuture(), {}, {}).code(),
            absl::StatusCode::kUnavailable);
  Begin(*second, end_of_second);
  // Unless the first text has ended already, both run.
  EXPECT_GE(served_.load().running_sequences(), 1u);
  EXPECT_LE(served_.load().running_sequences(), 2u);
  served_.EndBefore();
  EXPECT_EQ(end_of_first.Take()->value().generated_tokens(), 200u);
  EXPECT_EQ(end_of_second.Take()->value().generated_tokens(), 200u);
  EXPECT_EQ(served_.load().running_sequences(), 0u);
  EXPECT_THAT(metrics_.ToText(), HasSubstr("service_version=\"v2\""));
}

TEST_F(ServedModelTest, ADrainIsOfBoth) {
  GenerationEngine* first = Serve("v1");
  ASSERT_NE(first, nullptr);
  Mailbox<End> end_of_first, end_of_second;
  Begin(*first, end_of_first);
  GenerationEngine* second = Serve("v2");
  ASSERT_NE(second, nullptr);
  std::thread ends([this] { served_.EndBefore(); });
  Begin(*second, end_of_second);
  served_.Drain(absl::InfinitePast());
  // Each has ended, one way or the other.
  const End first_end = *end_of_first.Take(), second_end = *end_of_second.Take();
  for (const End& end : {first_end, second_end}) {
    EXPECT_TRUE(end.ok() || absl::IsUnavailable(end.status())) << end.status();
  }
  EXPECT_TRUE(absl::IsUnavailable(second_end.status())) << second_end.status();
  ends.join();
  EXPECT_EQ(Serve("v3"), nullptr);
  EXPECT_EQ(served_.info().version(), "v2");
}

}  // namespace
}  // namespace chorus::runner
