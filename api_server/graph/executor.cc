#include "api_server/graph/executor.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/graph/graph_run.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

// The entry of that name, or NOT_FOUND with those there are.
template <typename Map>
absl::StatusOr<typename Map::mapped_type> FindNamed(const Map& map, const std::string& name,
                                                    const char* kind) {
  if (const auto found = map.find(name); found != map.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& entry : map) names.push_back(entry.first);
  std::sort(names.begin(), names.end());
  return absl::NotFoundError(absl::StrCat("no ", kind, " is called \"", name, "\"; there is ",
                                          names.empty() ? "none" : absl::StrJoin(names, ", ")));
}

GenerateParams Override(GenerateParams params, const GenerateOverrides& overrides, uint64_t seed) {
  if (overrides.max_length) {
    params.max_length = *overrides.max_length;
    params.max_new_tokens = std::nullopt;
  }
  if (overrides.max_new_tokens) params.max_new_tokens = overrides.max_new_tokens;
  params.do_sample = overrides.do_sample.value_or(params.do_sample);
  params.temperature = overrides.temperature.value_or(params.temperature);
  params.top_k = overrides.top_k.value_or(params.top_k);
  params.top_p = overrides.top_p.value_or(params.top_p);
  params.seed = seed;
  return params;
}

absl::Status NameRunner(const std::string& runner, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(runner, ": ", status.message()));
}

}  // namespace

Executor::Executor(Graphs graphs, Runners runners, Clock clock)
    : graphs_(std::move(graphs)), runners_(std::move(runners)), clock_(std::move(clock)) {
  for (const auto& [name, graph] : graphs_) {
    stats_.emplace(name, std::make_unique<GraphStats>(*graph));
  }
}

Executor::~Executor() { in_flight_.Wait(); }

absl::Status Executor::RunGraph(const std::string& graph_name, std::string text,
                                const GenerateOverrides& overrides, CallContext context,
                                Done<std::vector<GraphResult>> done) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Graph> graph, FindNamed(graphs_, graph_name, "graph"));
  RETURN_IF_ERROR(CheckNotEnded(context, clock_()));
  const uint64_t seed = overrides.seed.has_value() ? *overrides.seed : seeds_.Next();
  std::vector<RunnerClient*> generators;
  std::vector<GenerateParams> params;
  for (const Graph::Generator& generator : graph->generators()) {
    generators.push_back(runners_.at(generator.runner).get());
    params.push_back(Override(generator.defaults, overrides, seed));
  }
  RunnerClient* classifier = runners_.at(graph->classifier().runner).get();
  std::make_shared<GraphRun>(GraphRun::Options{.graph = std::move(graph),
                                               .generators = std::move(generators),
                                               .classifier = classifier,
                                               .text = std::move(text),
                                               .params = std::move(params),
                                               .context = std::move(context),
                                               .clock = &clock_,
                                               .stats = stats_.at(graph_name).get(),
                                               .done = std::move(done),
                                               .ticket = in_flight_.Enter()})
      ->Start();
  return absl::OkStatus();
}

absl::Status Executor::Generate(const std::string& runner, std::string text,
                                const GenerateOverrides& overrides, CallContext context,
                                Done<GenerateResult> done) {
  ASSIGN_OR_RETURN(std::shared_ptr<RunnerClient> client, FindNamed(runners_, runner, "model"));
  RETURN_IF_ERROR(CheckNotEnded(context, clock_()));
  const uint64_t seed = overrides.seed.has_value() ? *overrides.seed : seeds_.Next();
  auto result = std::make_shared<GenerateResult>();
  result->generated = text;
  result->seed = seed;
  client->Generate(
      std::move(text), Override({}, overrides, seed), std::move(context),
      [result](std::string_view delta) { result->generated.append(delta); },
      [ticket = in_flight_.Enter(), result, runner,
       done = std::move(done)](absl::StatusOr<GenerationEnd> end) mutable {
        auto call = std::exchange(done, nullptr);
        if (!end.ok()) return std::move(call)(NameRunner(runner, end.status()));
        result->end = *end;
        std::move(call)(std::move(*result));
      });
  return absl::OkStatus();
}

absl::Status Executor::Classify(const std::string& runner, std::vector<std::string> texts,
                                CallContext context, Done<std::vector<TextClassification>> done) {
  ASSIGN_OR_RETURN(std::shared_ptr<RunnerClient> client, FindNamed(runners_, runner, "model"));
  RETURN_IF_ERROR(CheckNotEnded(context, clock_()));
  client->Classify(std::move(texts), std::move(context),
                   [ticket = in_flight_.Enter(), runner, done = std::move(done)](
                       absl::StatusOr<std::vector<TextClassification>> classifications) mutable {
                     auto call = std::exchange(done, nullptr);
                     if (!classifications.ok()) {
                       return std::move(call)(NameRunner(runner, classifications.status()));
                     }
                     std::move(call)(std::move(classifications));
                   });
  return absl::OkStatus();
}

std::vector<std::string> Executor::GraphNames() const {
  std::vector<std::string> names;
  for (const auto& [name, graph] : graphs_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<GraphStatus> Executor::DescribeGraph(const std::string& name) const {
  GraphStatus status;
  ASSIGN_OR_RETURN(status.graph, FindNamed(graphs_, name, "graph"));
  GraphStats& stats = *stats_.at(name);
  const absl::Time now = clock_();
  const auto describe = [&](const std::string& runner, NodeStats& node) {
    return GraphStatus::Node{.replicas = runners_.at(runner)->replicas(), .stats = node.Take(now)};
  };
  for (size_t i = 0; i < status.graph->generators().size(); ++i) {
    status.generators.push_back(
        describe(status.graph->generators()[i].runner, stats.generator(static_cast<int>(i))));
  }
  status.classifier = describe(status.graph->classifier().runner, stats.classifier());
  return status;
}

std::vector<std::string> Executor::UnhealthyRunners() const {
  std::vector<std::string> names;
  for (const auto& [name, runner] : runners_) {
    if (!runner->healthy()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace chorus
