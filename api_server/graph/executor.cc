#include "api_server/graph/executor.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/graph/graph_run.h"
#include "base/error_details.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

// Names of a model's kind, and of a node's task.
const char* NameOf(ModelTask task) {
  if (task == ModelTask::kEmbed) return "an embedder";
  return task == ModelTask::kClassify ? "a classifier" : "a generator";
}
const char* UseOf(ModelTask task) {
  return task == ModelTask::kClassify ? "classifies" : "generates";
}

// Approximate bytes of a token with its log-probability.
constexpr size_t kTokenLogprobBytes = 72;

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

// Approximate size of the reply.
size_t NumBytes(const std::vector<GraphResult>& texts) {
  size_t num_bytes = 0;
  for (const GraphResult& text : texts) {
    num_bytes += text.generated.size();
    for (const v1::TokenLogprob& logprob : text.logprobs) {
      num_bytes += static_cast<size_t>(1 + logprob.top_size()) * kTokenLogprobBytes;
    }
  }
  return num_bytes;
}

}  // namespace

Executor::Executor(const Graphs& graphs, Runners runners, Clock clock, RunObserver* observer,
                   WorkerPool* workers)
    : clock_(std::move(clock)),
      observer_(observer),
      workers_(workers),
      served_(std::make_shared<Served>()) {
  SetServed(graphs, std::move(runners));
}

Executor::~Executor() { in_flight_.Wait(); }

void Executor::SetServed(const Graphs& graphs, Runners runners) {
  auto next = std::make_shared<Served>();
  for (const auto& [name, runner] : runners) next->models.emplace(name, Graph::OfModel(name));
  next->runners = std::move(runners);
  std::lock_guard lock(mutex_);
  for (const std::shared_ptr<const Graph>& graph : graphs) {
    ServedGraph served{graph, std::make_shared<GraphStats>(graph->nodes().size())};
    const auto before = served_->graphs.find(graph->name());
    if (before != served_->graphs.end() && *before->second.graph == *graph) {
      served = before->second;
    }
    next->graphs.emplace(graph->name(), std::move(served));
  }
  served_ = std::move(next);
}

std::shared_ptr<const Executor::Served> Executor::served() const {
  std::lock_guard lock(mutex_);
  return served_;
}

absl::Status Executor::RunGraph(const std::string& graph_name, RunRequest request,
                                CallContext context, std::shared_ptr<GraphListener> listener,
                                Done<std::vector<GraphResult>> done) {
  const std::shared_ptr<const Served> served = this->served();
  ASSIGN_OR_RETURN(ServedGraph graph, FindNamed(served->graphs, graph_name, "graph"));
  std::vector<std::string> wrong;
  AddWrongModels(*graph.graph, served->runners, wrong);
  if (!wrong.empty()) return absl::UnavailableError(wrong.front());
  return Run(std::move(graph), served->runners, std::move(request), std::move(context),
             std::move(listener), std::move(done));
}

absl::Status Executor::Generate(const std::string& runner, RunRequest request, CallContext context,
                                std::shared_ptr<GraphListener> listener,
                                Done<std::vector<GraphResult>> done) {
  const std::shared_ptr<const Served> served = this->served();
  ASSIGN_OR_RETURN(std::shared_ptr<const Graph> graph, FindNamed(served->models, runner, "model"));
  return Run({.graph = std::move(graph)}, served->runners, std::move(request), std::move(context),
             std::move(listener), std::move(done));
}

absl::Status Executor::Run(ServedGraph served, const Runners& all, RunRequest request,
                           CallContext context, std::shared_ptr<GraphListener> listener,
                           Done<std::vector<GraphResult>> done) {
  const Graph& graph = *served.graph;
  RETURN_IF_ERROR(CheckNotEnded(context, clock_()));
  const int num_sequences = request.params.has_num_return_sequences()
                                ? static_cast<int>(request.params.num_return_sequences())
                                : 1;
  if (!request.params.has_seed()) request.params.set_seed(seeds_.Next());
  std::vector<RunnerClient*> runners;
  for (const Graph::Node& node : graph.nodes()) {
    runners.push_back(all.at(node.runner).get());
    RETURN_IF_ERROR(node.operation->CheckRun(*runners.back(), request, node.name));
  }
  const auto run =
      std::make_shared<GraphRun>(GraphRun::Options{.graph = std::move(served.graph),
                                                   .runners = std::move(runners),
                                                   .request = std::move(request),
                                                   .num_sequences = num_sequences,
                                                   .context = std::move(context),
                                                   .clock = &clock_,
                                                   .stats = std::move(served.stats),
                                                   .observer = observer_,
                                                   .listener = std::move(listener),
                                                   .done = OffGrpcThreads(std::move(done)),
                                                   .ticket = in_flight_.Enter()});
  RETURN_IF_ERROR(run->CheckRoom());
  run->Start();
  return absl::OkStatus();
}

Executor::Done<std::vector<GraphResult>> Executor::OffGrpcThreads(
    Done<std::vector<GraphResult>> done) {
  if (workers_ == nullptr) return done;
  return [this, done = std::move(done)](absl::StatusOr<std::vector<GraphResult>> result) mutable {
    if (!result.ok() || NumBytes(*result) <= WorkerPool::kLargeBytes) {
      return std::move(done)(std::move(result));
    }
    workers_->Run([ticket = in_flight_.Enter(), done = std::move(done),
                   result = std::move(result)]() mutable { std::move(done)(std::move(result)); });
  };
}

template <typename Request, typename Response>
absl::Status Executor::Ask(const std::string& runner,
                           void (RunnerClient::*method)(Request, CallContext,
                                                        RunnerClient::Done<Response>),
                           Request request, CallContext context, Done<Response> done) {
  ASSIGN_OR_RETURN(std::shared_ptr<RunnerClient> client,
                   FindNamed(served()->runners, runner, "model"));
  RETURN_IF_ERROR(CheckNotEnded(context, clock_()));
  auto on_reply = [ticket = in_flight_.Enter(), runner,
                   done = std::move(done)](absl::StatusOr<Response> reply) mutable {
    auto call = std::exchange(done, nullptr);
    if (!reply.ok()) reply = OfPlace(reply.status(), runner);
    std::move(call)(std::move(reply));
  };
  ((*client).*method)(std::move(request), std::move(context), std::move(on_reply));
  return absl::OkStatus();
}

absl::Status Executor::Classify(const std::string& runner, runner::v1::ClassifyRequest request,
                                CallContext context, Done<runner::v1::ClassifyResponse> done) {
  return Ask(runner, &RunnerClient::Classify, std::move(request), std::move(context),
             std::move(done));
}

absl::Status Executor::Embed(const std::string& runner, runner::v1::EmbedRequest request,
                             CallContext context, Done<runner::v1::EmbedResponse> done) {
  return Ask(runner, &RunnerClient::Embed, std::move(request), std::move(context), std::move(done));
}

absl::Status Executor::Tokenize(const std::string& runner, runner::v1::TokenizeRequest request,
                                CallContext context, Done<runner::v1::TokenizeResponse> done) {
  return Ask(runner, &RunnerClient::Tokenize, std::move(request), std::move(context),
             std::move(done));
}

absl::Status Executor::Detokenize(const std::string& runner, runner::v1::DetokenizeRequest request,
                                  CallContext context, Done<runner::v1::DetokenizeResponse> done) {
  return Ask(runner, &RunnerClient::Detokenize, std::move(request), std::move(context),
             std::move(done));
}

std::vector<GraphStatus> Executor::DescribeGraphs() const {
  const std::shared_ptr<const Served> served = this->served();
  std::vector<GraphStatus> statuses;
  for (const auto& [name, graph] : served->graphs) {
    statuses.push_back(Describe(graph, served->runners));
  }
  std::sort(statuses.begin(), statuses.end(), [](const GraphStatus& a, const GraphStatus& b) {
    return a.graph->name() < b.graph->name();
  });
  return statuses;
}

absl::StatusOr<GraphStatus> Executor::DescribeGraph(const std::string& name) const {
  const std::shared_ptr<const Served> served = this->served();
  ASSIGN_OR_RETURN(const ServedGraph graph, FindNamed(served->graphs, name, "graph"));
  return Describe(graph, served->runners);
}

GraphStatus Executor::Describe(const ServedGraph& served, const Runners& runners) const {
  GraphStatus status = {.graph = served.graph};
  const absl::Time now = clock_();
  for (size_t i = 0; i < served.graph->nodes().size(); ++i) {
    status.nodes.push_back({.runner = runners.at(served.graph->nodes()[i].runner)->status(),
                            .stats = (*served.stats)[i].Take(now)});
  }
  return status;
}

void Executor::AddWrongModels(const Graph& graph, const Runners& runners,
                              std::vector<std::string>& wrong) {
  for (const Graph::Node& node : graph.nodes()) {
    const ModelTask task = node.operation->task();
    const RunnerClient& client = *runners.at(node.runner);
    if (client.suits(task)) continue;
    const RunnerStatus status = client.status();
    const auto replica = std::find_if(
        status.replicas.begin(), status.replicas.end(),
        [&](const auto& replica) { return replica.healthy && !replica.model.suits(task); });
    if (replica == status.replicas.end()) continue;  // Gone meanwhile.
    wrong.push_back(absl::StrCat("graph \"", graph.name(), "\": node \"", node.name, "\" ",
                                 UseOf(task), ", but the model of its runner \"", node.runner,
                                 "\" is ", NameOf(replica->model.task), " (",
                                 replica->model.architecture, "): give the runner ", NameOf(task),
                                 " or the node another runner"));
  }
}

std::vector<std::string> Executor::WrongModels(const Graphs& graphs, const Runners& runners) {
  std::vector<std::string> wrong;
  for (const auto& graph : graphs) AddWrongModels(*graph, runners, wrong);
  std::sort(wrong.begin(), wrong.end());
  return wrong;
}

std::vector<std::string> Executor::WrongModels() const {
  const std::shared_ptr<const Served> served = this->served();
  Graphs graphs;
  for (const auto& [name, entry] : served->graphs) graphs.push_back(entry.graph);
  return WrongModels(graphs, served->runners);
}

std::vector<std::string> Executor::Lacks(const Graphs& graphs, const Runners& runners) {
  std::vector<std::string> lacks = WrongModels(graphs, runners);
  for (const auto& graph : graphs) {
    for (const Graph::Node& node : graph->nodes()) {
      if (runners.at(node.runner)->healthy()) continue;
      lacks.push_back(absl::StrCat("graph \"", graph->name(), "\": node \"", node.name,
                                   "\": no replica of its runner \"", node.runner, "\" serves"));
    }
  }
  std::sort(lacks.begin(), lacks.end());
  return lacks;
}

std::vector<std::string> Executor::WrongReplicas() const {
  const std::shared_ptr<const Served> served = this->served();
  std::vector<std::string> wrong;
  for (const auto& [name, entry] : served->graphs) {
    for (const Graph::Node& node : entry.graph->nodes()) {
      const ModelTask task = node.operation->task();
      const RunnerStatus status = served->runners.at(node.runner)->status();
      if (status.num_healthy(task) == 0) continue;
      for (const ReplicaStatus& replica : status.replicas) {
        if (!replica.healthy || replica.model.suits(task)) continue;
        wrong.push_back(absl::StrCat("graph \"", name, "\": node \"", node.name, "\" ", UseOf(task),
                                     ", but the model of a replica of its runner \"", node.runner,
                                     "\" is ", NameOf(replica.model.task), " (",
                                     replica.model.architecture,
                                     "), and gets none of its calls: ", replica.endpoint));
      }
    }
  }
  std::sort(wrong.begin(), wrong.end());
  return wrong;
}

std::vector<std::string> Executor::UnhealthyRunners() const {
  const std::shared_ptr<const Served> served = this->served();
  std::vector<std::string> names;
  for (const auto& [name, runner] : served->runners) {
    if (!runner->healthy()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace chorus::gateway
