#include "api_server/runners/runner_pages.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <utility>

namespace chorus::gateway {
namespace {

namespace pb = ::chorus::runner::v1;

constexpr int kMaxReconnectMs = 2000;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A runner that has been gone for long is on the page again soon after it is back.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

// Deletes itself with the last answer.
struct RunnerPages::Fetching {
  struct Call {
    grpc::ClientContext context;
    pb::GetMetricsRequest request;
    pb::GetMetricsResponse response;
    bool ok = false;
  };

  InFlight::Ticket ticket;
  const std::vector<Source>& sources;
  Done done;
  std::deque<Call> calls;  // One a source.
  std::atomic<size_t> num_waiting;

  void OnAnswer() {
    if (--num_waiting > 0) return;
    std::vector<Page> pages;
    for (size_t i = 0; i < calls.size(); ++i) {
      if (!calls[i].ok) continue;
      pages.push_back(
          {sources[i].runner, sources[i].replica, std::move(*calls[i].response.mutable_text())});
    }
    std::move(done)(std::move(pages));
    delete this;
  }
};

RunnerPages::RunnerPages(const std::map<std::string, std::vector<std::string>>& endpoints) {
  for (const auto& [runner, replicas] : endpoints) {
    int replica = 0;
    for (const std::string& endpoint : replicas) {
      sources_.push_back({runner, replica++, pb::RunnerService::NewStub(MakeChannel(endpoint))});
    }
  }
}

RunnerPages::~RunnerPages() { in_flight_.Wait(); }

void RunnerPages::Fetch(absl::Time deadline, Done done) {
  auto* fetching = new Fetching{.ticket = in_flight_.Enter(),
                                .sources = sources_,
                                .done = std::move(done),
                                .calls = std::deque<Fetching::Call>(sources_.size()),
                                .num_waiting = sources_.size()};
  for (size_t i = 0; i < sources_.size(); ++i) {
    Fetching::Call& call = fetching->calls[i];
    call.context.set_deadline(absl::ToChronoTime(deadline));
    sources_[i].stub->async()->GetMetrics(&call.context, &call.request, &call.response,
                                          [fetching, &call](const grpc::Status& status) {
                                            call.ok = status.ok();
                                            fetching->OnAnswer();
                                          });
  }
}

}  // namespace chorus::gateway
