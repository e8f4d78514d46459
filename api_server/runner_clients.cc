#include "api_server/runner_clients.h"

#include <glog/logging.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

// Of the graphs' nodes that are on the runner; unknown if there are none, or for different tasks.
ModelTask TaskOf(const std::string& runner, const Executor::Graphs& graphs) {
  std::set<ModelTask> tasks;
  for (const auto& graph : graphs) {
    for (const Graph::Node& node : graph->nodes()) {
      if (node.runner == runner) tasks.insert(node.operation->task());
    }
  }
  return tasks.size() == 1 ? *tasks.begin() : ModelTask::kUnknown;
}

}  // namespace

RunnerClients::RunnerClients(WorkerPool& workers, std::function<void()> on_health_change)
    : workers_(workers), on_health_change_(std::move(on_health_change)) {}

std::map<std::string, RunnerClients::Need> RunnerClients::NeedsOf(const Config& config) {
  std::map<std::string, Need> needs;
  for (const Config::Runner& runner : config.runners) {
    needs[runner.name] = {runner.endpoints, TaskOf(runner.name, config.graphs)};
  }
  return needs;
}

void RunnerClients::Tell(Entry& entry, const Need& need) {
  if (entry.now == need) return;
  const absl::Status status = entry.client->SetEndpoints(need.endpoints, need.task);
  CHECK(status.ok()) << status;  // MakeConfig() has checked them.
  entry.now = need;
}

absl::StatusOr<Executor::Runners> RunnerClients::Try(const Config& config) {
  Executor::Runners runners;
  for (const auto& [name, need] : NeedsOf(config)) {
    auto it = entries_.find(name);
    if (it == entries_.end()) {
      ASSIGN_OR_RETURN(std::unique_ptr<GrpcRunnerClient> client,
                       GrpcRunnerClient::Create({.name = name,
                                                 .endpoints = need.endpoints,
                                                 .task = need.task,
                                                 .workers = &workers_,
                                                 .on_health_change = on_health_change_}));
      it = entries_.emplace(name, Entry{.client = std::move(client), .now = need}).first;
    }
    Entry& entry = it->second;
    if (!entry.served) {
      Tell(entry, need);
    } else if (!entry.client->healthy() || !entry.client->suits(need.task)) {
      Need both = *entry.served;
      for (const std::string& endpoint : need.endpoints) {
        if (std::ranges::count(both.endpoints, endpoint) == 0) both.endpoints.push_back(endpoint);
      }
      Tell(entry, both);
    }
    runners.emplace(name, entry.client);
  }
  return runners;
}

std::vector<std::string> RunnerClients::Lacks(const Config& config) const {
  const Executor::Runners runners = all();
  const std::vector<std::string> before = Executor::Lacks(graphs_, runners);
  std::vector<std::string> lacks = Executor::Lacks(config.graphs, runners);
  std::erase_if(lacks, [&](const std::string& sentence) {
    return std::ranges::binary_search(before, sentence);
  });
  for (const auto& [name, need] : NeedsOf(config)) {
    const Entry& entry = entries_.at(name);
    const bool is_named = need.task != ModelTask::kUnknown;  // By graphs, whose nodes are told of.
    if (is_named || entry.served || entry.client->healthy()) continue;
    lacks.push_back(absl::StrCat("no replica of the new runner \"", name, "\" serves"));
  }
  std::ranges::sort(lacks);
  return lacks;
}

void RunnerClients::Serve(const Config& config) {
  graphs_ = config.graphs;
  for (auto& [name, entry] : entries_) entry.served.reset();
  for (const auto& [name, need] : NeedsOf(config)) {
    Entry& entry = entries_.at(name);
    entry.served = need;
    entry.was_served = true;
  }
  Release();
}

std::vector<std::string> RunnerClients::Awaits() const {
  std::vector<std::string> sentences;
  for (const auto& [name, entry] : entries_) {
    if (!entry.served) continue;
    RunnerStatus status = entry.client->status();
    std::erase_if(status.awaited, [&](const std::string& endpoint) {  // It is only tried.
      return std::ranges::count(entry.served->endpoints, endpoint) == 0;
    });
    if (status.awaited.empty()) continue;
    std::vector<std::string> serving;
    for (const ReplicaStatus& replica : status.replicas) {
      if (replica.healthy) serving.push_back(replica.endpoint);
    }
    sentences.push_back(absl::StrCat(
        "the runner \"", name, "\" does not serve yet at ", absl::StrJoin(status.awaited, ", "),
        serving.empty() ? ", nor anywhere else"
                        : absl::StrCat("; its calls go to ", absl::StrJoin(serving, ", "))));
  }
  return sentences;
}

void RunnerClients::Release() {
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.was_served; });
  for (auto& [name, entry] : entries_) Tell(entry, entry.served.value_or(Need()));
}

Executor::Runners RunnerClients::all() const {
  Executor::Runners runners;
  for (const auto& [name, entry] : entries_) runners.emplace(name, entry.client);
  return runners;
}

}  // namespace chorus::gateway
