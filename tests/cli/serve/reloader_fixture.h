#pragma once

// A Reloader whose supervisor notes what it is asked for, and whose gateway answers with the pages
// of metrics that the test writes.

#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/serve/reloader.h"
#include "tests/base/temp_directory.h"
#include "tests/cli/loopback_server.h"

namespace chorus {

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
  bool Stop(size_t child) override {
    words_.push_back(absl::StrCat("stop ", child));
    return runs_;
  }
  void ReloadGateway() override { words_.push_back("reload"); }
  std::optional<SocketAddress> gateway_address() const override {
    return *SocketAddress::Parse(gateway_.address());
  }
  void Say(std::string_view text) override { said_.emplace_back(text); }

  std::vector<std::string> TakeWords() { return std::exchange(words_, {}); }
  std::vector<std::string> TakeSaid() { return std::exchange(said_, {}); }

  bool runs_ = true;  // What is told to stop.

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
    options.check = [this](ServeWork& work) {
      if (!fault_.empty()) {
        work.runners[0].fault = fault_;
        work.runners[0].num_replicas = 0;
      }
      work.further_kinds = kinds_;
      return checked_;
    };
    const ServePlan plan = MakeServePlan(options.settings, found_->runners);
    found_->further_kinds = kinds_;
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
  // The gateway's page of metrics. `waits`: for runners.
  std::string Page(int num_reloads, bool ok, const std::vector<int>& slots,
                   bool waits = false) const {
    std::string page =
        absl::StrCat("HTTP/1.1 200 OK\r\n\r\nchorus_config_reloads_total{result=\"",
                     ok ? "ok" : "error", "\"} ", num_reloads, "\nchorus_config_waiting ",
                     waits ? 1 : 0, "\nchorus_config_last_reload_successful ", ok ? 1 : 0, "\n");
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
  // Serves the page that is asked for, and lets it be read. Before it come the connections of
  // probes that were given up.
  void ServePage(const std::string& page) {
    Advance();
    ASSERT_GE(reloader_->probe_fd(), 0);
    while (reloader_->probe_fd() >= 0) {
      pollfd entry{reloader_->probe_fd(), reloader_->probe_events(), 0};
      if (poll(&entry, 1, 200) == 1) {
        reloader_->OnProbeEvent();
      } else {
        server_.Serve(page);
      }
    }
    reloader_->Advance(now_);
  }

  const TempDirectory temp_;
  const LoopbackServer server_;
  FakeHost host_{server_};
  absl::StatusOr<ServeWork> found_ = Work("v1");
  absl::Status checked_;
  std::string fault_;  // Of gpt2, found by the check.
  std::map<std::string, ModelKind> kinds_ = {{"bert", {"classify", "Bert"}}};  // Likewise.
  std::optional<Reloader> reloader_;
  absl::Duration now_ = absl::Seconds(100);
};

}  // namespace chorus
