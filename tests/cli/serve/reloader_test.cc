#include "cli/serve/reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/base/temp_directory.h"
#include "tests/cli/loopback_server.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What it is asked for, as words: "start gpt2 v2", "keep 3", "leave 0", "stop 0", "reload", and
// what is said.
class FakeHost : public ReloadHost {
 public:
  explicit FakeHost(const LoopbackServer& gateway) : gateway_(gateway) {}

  size_t StartOnTrial(ChildSpec spec) override {
    words_.push_back(absl::StrCat("start ", spec.child.name, " ", spec.argv[6]));
    return next_++;
  }
  void SetRestarts(size_t child, bool restarts) override {
    words_.push_back(absl::StrCat(restarts ? "keep " : "leave ", child));
  }
  void Stop(size_t child) override { words_.push_back(absl::StrCat("stop ", child)); }
  void ReloadGateway() override { words_.push_back("reload"); }
  std::optional<SocketAddress> gateway_address() const override {
    return *SocketAddress::Parse(gateway_.address());
  }
  void Say(std::string_view text) override { said_.emplace_back(text); }

  std::vector<std::string> TakeWords() { return std::exchange(words_, {}); }
  std::vector<std::string> TakeSaid() { return std::exchange(said_, {}); }

 private:
  const LoopbackServer& gateway_;
  size_t next_ = 3;  // After two runners and the gateway.
  std::vector<std::string> words_, said_;
};

class ReloaderTest : public ::testing::Test {
 protected:
  ReloaderTest() {
    Reloader::Options options;
    options.settings.directory = temp_.path();
    options.settings.graph_file = temp_ / "graph.yaml";
    options.settings.runner_program = "/bin/runner_server";
    options.gateway_config_file = temp_ / "gateway.yaml";
    options.num_slots = 4;
    options.find = [this] { return found_; };
    options.check = [this](ServeWork&) { return checked_; };
    const ServePlan plan = MakeServePlan(options.settings, found_->runners);
    reloader_.emplace(std::move(options), *found_, plan.children, host_);
  }

  static ServeWork Work(const std::string& gpt2_version, const std::string& graph = "first") {
    ServeWork work;
    work.graph_file = "users_graph.yaml";
    work.graph.text = graph;
    work.runners = {{"gpt2", gpt2_version, "/models/gpt2"}, {"bert", "v1", "/models/bert"}};
    return work;
  }
  std::string Socket(int slot) const {
    return absl::StrCat(temp_.path().native(), "/runner-", slot, ".sock");
  }
  // The gateway's page of metrics.
  std::string Page(int num_reloads, bool ok, const std::vector<int>& slots) const {
    std::string page = absl::StrCat("HTTP/1.1 200 OK\r\n\r\nchorus_config_reloads_total{result=\"",
                                    ok ? "ok" : "error", "\"} ", num_reloads,
                                    "\nchorus_config_last_reload_successful ", ok ? 1 : 0, "\n");
    for (const int slot : slots) {
      absl::StrAppend(&page, "chorus_replica_state{endpoint=\"unix:", Socket(slot),
                      "\",runner=\"gpt2\"} 1\n");
    }
    return page;
  }

  void Advance() {
    now_ += absl::Seconds(1);
    reloader_->Advance(now_);
  }
  // Two looks, and then until the check is over.
  void SeeChange() {
    for (int i = 0; i < 2; ++i) Advance();
    while (host_.TakeSaid().empty()) Advance();
  }
  void MakeReady(int slot) {
    PutFile(temp_ / absl::StrCat("runner-", slot, ".ports"), "grpc=unix:x\nready=true\n");
  }
  // Serves the page that is asked for, and lets it be read.
  void ServePage(const std::string& page) {
    Advance();
    bool served = false;
    while (reloader_->probe_fd() >= 0) {
      pollfd entry{reloader_->probe_fd(), reloader_->probe_events(), 0};
      ASSERT_EQ(poll(&entry, 1, 30000), 1);
      reloader_->OnProbeEvent();
      if (!served && reloader_->probe_fd() >= 0 && reloader_->probe_events() == POLLIN) {
        server_.Serve(page);
        served = true;
      }
    }
    ASSERT_TRUE(served);
    reloader_->Advance(now_);
  }

  const TempDirectory temp_;
  const LoopbackServer server_;
  FakeHost host_{server_};
  absl::StatusOr<ServeWork> found_ = Work("v1");
  absl::Status checked_;
  std::optional<Reloader> reloader_;
  absl::Duration now_ = absl::Seconds(100);
};

TEST_F(ReloaderTest, AsLongAsNothingChangesNothingIsDone) {
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
  EXPECT_EQ(reloader_->next_deadline(), now_ + absl::Seconds(1));
}

TEST_F(ReloaderTest, ANewVersionIsLoadedThenServedThenTheOldOneLeaves) {
  found_ = Work("v2");
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2"));
  for (int i = 0; i < 3; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());  // It has not loaded yet.
  MakeReady(2);
  Advance();
  ServePage(Page(4, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_EQ(GetFile(temp_ / "gateway.yaml"),
            absl::StrCat("runners:\n  - name: \"gpt2\"\n    endpoints: [\"unix:", Socket(2),
                         "\"]\n  - name: \"bert\"\n    endpoints: [\"unix:", Socket(1), "\"]\n"));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "first");
  ServePage(Page(4, true, {0, 1}));  // The signal has not come through yet.
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  ServePage(Page(5, true, {0, 1, 2}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("keep 3", "leave 0"));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
  ServePage(Page(5, true, {0, 1, 2}));  // It still has calls.
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  ServePage(Page(5, true, {1, 2}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("stop 0"));
  reloader_->OnExit(0, "stopped");
  for (int i = 0; i < 3; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());

  found_ = Work("v3");  // Which takes the place that is free again.
  SeeChange();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v3"));
  MakeReady(0);
  Advance();
  ServePage(Page(5, true, {1, 2}));
  EXPECT_THAT(GetFile(temp_ / "gateway.yaml"), HasSubstr(Socket(0)));
}

TEST_F(ReloaderTest, AnotherGraphNeedsNoProcess) {
  found_ = Work("v1", "second");
  SeeChange();
  Advance();
  ServePage(Page(0, true, {0, 1}));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "second");
  ServePage(Page(1, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
}

TEST_F(ReloaderTest, WhatCannotBeLoadedLeavesTheOldOneAndIsTriedAgainWhenAsked) {
  found_ = Work("v2");
  SeeChange();
  host_.TakeWords();
  reloader_->OnExit(3, "runner_server: no weights");
  Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());  // It has ended by itself.
  EXPECT_THAT(host_.TakeSaid(),
              ElementsAre("not reloaded, and what served serves on: gpt2 v2 cannot be loaded: "
                          "runner_server: no weights"));
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
  reloader_->Ask();
  Advance();
  while (host_.TakeSaid().empty()) Advance();
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2"));
}

TEST_F(ReloaderTest, WhatTheGatewayRefusesIsTakenBack) {
  found_ = Work("v2", "second");
  SeeChange();
  MakeReady(2);
  Advance();
  ServePage(Page(0, true, {0, 1}));
  host_.TakeWords();
  ServePage(Page(1, false, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload", "stop 3"));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre(HasSubstr("the gateway refuses it")));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "first");
  EXPECT_THAT(GetFile(temp_ / "gateway.yaml"), HasSubstr(Socket(0)));
}

TEST_F(ReloaderTest, AProcessThatIsLostBeforeTheGatewayHasMovedToItIsTakenBack) {
  found_ = Work("v2", "second");
  SeeChange();
  MakeReady(2);
  Advance();
  ServePage(Page(0, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("start gpt2 v2", "reload"));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "second");
  reloader_->OnExit(3, "its process was killed");
  Advance();  // The gateway waits for it, and counts nothing.
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  EXPECT_EQ(GetFile(temp_ / "graph.yaml"), "first");
  EXPECT_THAT(GetFile(temp_ / "gateway.yaml"), HasSubstr(Socket(0)));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre(HasSubstr("gpt2 v2 cannot be loaded: its process was "
                                                      "killed")));
}

TEST_F(ReloaderTest, WhatFailsItsCheckStartsNothing) {
  checked_ = absl::DataLossError("gpt2:v2 is damaged");
  found_ = Work("v2");
  for (int i = 0; i < 2; ++i) Advance();
  std::vector<std::string> said;
  while (said.empty()) {
    Advance();
    said = host_.TakeSaid();
  }
  EXPECT_THAT(said, ElementsAre(HasSubstr("serves on: gpt2:v2 is damaged")));
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
  EXPECT_THAT(host_.TakeWords(), IsEmpty());
}

TEST_F(ReloaderTest, AMistakeIsSaidOnce) {
  found_ = absl::InvalidArgumentError("graph.yaml:1:1: is not YAML");
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("not reloaded, and all stays as it is: graph.yaml:1:1: "
                                            "is not YAML"));
  found_ = Work("v1");
  Advance();
  found_ = absl::InvalidArgumentError("graph.yaml:1:1: is not YAML");
  Advance();
  EXPECT_THAT(host_.TakeSaid(), ElementsAre(HasSubstr("is not YAML")));
}

TEST_F(ReloaderTest, AChangeThatDoesNotLastIsLeft) {
  found_ = Work("v2");
  Advance();
  found_ = Work("v1");
  for (int i = 0; i < 5; ++i) Advance();
  EXPECT_THAT(host_.TakeSaid(), IsEmpty());
}

TEST_F(ReloaderTest, TheGatewayIsAskedAgainWhenItWasStartedAgainMeanwhile) {
  found_ = Work("v1", "second");
  SeeChange();
  Advance();
  ServePage(Page(3, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  now_ += absl::Seconds(11);
  ServePage(Page(0, true, {0, 1}));  // It counts from nothing.
  ServePage(Page(0, true, {0, 1}));
  EXPECT_THAT(host_.TakeWords(), ElementsAre("reload"));
  ServePage(Page(1, true, {0, 1}));
  EXPECT_THAT(host_.TakeSaid(), ElementsAre("reloaded"));
}

}  // namespace
}  // namespace chorus
