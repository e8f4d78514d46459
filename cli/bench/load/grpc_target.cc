#include "cli/bench/load/grpc_target.h"

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <boost/asio/post.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/grpc/connection.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "cli/bench/load/grpc_call.h"
#include "cli/monotonic_clock.h"
#include "proto/chorus/v1/inference.grpc.pb.h"

namespace chorus::bench {
namespace {

void Fill(const Call& call, v1::ClassifyRequest& request) { request.add_texts(call.text); }
void Fill(const Call& call, v1::EmbedRequest& request) { request.add_texts(call.text); }

template <typename Request>
void Fill(const Call& call, Request& request) {
  request.set_text(call.text);
  if (!request.has_seed()) request.set_seed(call.seed);
  if (!call.output_tokens) return;
  if (!request.has_max_new_tokens()) request.set_max_new_tokens(*call.output_tokens);
  if (!request.has_ignore_eos()) request.set_ignore_eos(true);
}

// "Name: value" as metadata.
void AddHeaders(const std::vector<std::string>& headers, grpc::ClientContext& context) {
  for (const std::string& header : headers) {
    const size_t colon = header.find(':');
    context.AddMetadata(
        absl::AsciiStrToLower(header.substr(0, colon)),
        std::string(absl::StripAsciiWhitespace(absl::string_view(header).substr(colon + 1))));
  }
}

template <typename Request, typename Whole>
class GrpcTarget final : public Target {
 public:
  using WholeMethod = typename Whole::Method;
  using StreamMethod = typename StreamedCall<Request>::Method;

  GrpcTarget(boost::asio::io_context& io, const Question& question, Request request,
             WholeMethod whole, StreamMethod stream)
      : io_(io),
        question_(question),
        request_(std::move(request)),
        whole_(whole),
        stream_(question.protocol == Protocol::kGrpcStream ? stream : nullptr) {}

  void Connect(const std::string& address,
               const std::shared_ptr<grpc::ChannelCredentials>& credentials, int num_connections) {
    for (int i = 0; i < num_connections; ++i) {
      grpc::ChannelArguments arguments = DirectChannelArguments();
      arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // Else all share a connection.
      arguments.SetMaxReceiveMessageSize(-1);
      stubs_.push_back(v1::InferenceService::NewStub(
          grpc::CreateCustomChannel(address, credentials, arguments)));
    }
  }

  void Send(Call call, absl::Duration due, Done done) override {
    Stub& stub = *stubs_[next_stub_++ % stubs_.size()];
    if (stream_ != nullptr) {
      Start(std::make_unique<StreamedCall<Request>>(question_.name), stub, stream_, call, due,
            std::move(done));
    } else {
      Start(std::make_unique<Whole>(), stub, whole_, call, due, std::move(done));
    }
  }

  // Their deadlines end them.
  void Expire(absl::Duration) override {}

  void Cancel() override {
    for (const auto& [_, active] : active_) {
      active->cancelled = true;
      active->context.TryCancel();
    }
  }

 private:
  template <typename Active, typename Method>
  void Start(std::unique_ptr<Active> made, Stub& stub, Method method, const Call& call,
             absl::Duration due, Done done) {
    Active& active = *made;
    active_.emplace(&active, std::move(made));
    active.record.due = due;
    active.record.sent = MonotonicNow();
    active.done = std::move(done);
    active.finished = [this](ActiveCall& ended) {
      boost::asio::post(io_, [this, &ended] { OnFinished(ended); });
    };
    active.context.set_deadline(absl::ToChronoTime(absl::Now() + question_.timeout));
    AddHeaders(question_.headers, active.context);
    active.request = request_;
    Fill(call, active.request);
    active.Start(stub, method);
  }

  void OnFinished(ActiveCall& ended) {
    const auto node = active_.extract(&ended);
    if (ended.cancelled) ended.record.Fail(Outcome::kUnfinished, "unfinished", "");
    std::move(ended.done)(std::move(ended.record));
  }

  boost::asio::io_context& io_;
  const Question question_;
  const Request request_;  // What all share.
  const WholeMethod whole_;
  const StreamMethod stream_;  // Null where replies are whole.
  std::vector<std::unique_ptr<Stub>> stubs_;
  size_t next_stub_ = 0;
  absl::flat_hash_map<ActiveCall*, std::unique_ptr<ActiveCall>> active_;
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    const ServerUrl& url, const std::string& ca_file) {
  if (!url.is_tls) return grpc::InsecureChannelCredentials();
  constexpr int64_t kMaxBytes = 16 << 20;
  grpc::SslCredentialsOptions options;
  if (!ca_file.empty()) {
    ASSIGN_OR_RETURN(options.pem_root_certs, ReadFileOrPipe(ca_file, kMaxBytes));
    if (!absl::StrContains(options.pem_root_certs, "-----BEGIN CERTIFICATE-----")) {
      return absl::InvalidArgumentError("cannot read certificates (PEM) from " + ca_file);
    }
  }
  return grpc::SslCredentials(options);
}

template <typename Request, typename Response>
absl::StatusOr<std::unique_ptr<Target>> Make(boost::asio::io_context& io, const Question& question,
                                             const ServerUrl& url, int num_connections,
                                             void (Request::*set_name)(const std::string&),
                                             typename WholeCall<Request, Response>::Method whole,
                                             typename StreamedCall<Request>::Method stream) {
  Request request;
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(question.parameters.dump(), &request);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set: ", std::string(parsed.message().data(), parsed.message().size())));
  }
  ASSIGN_OR_RETURN(const auto credentials, MakeCredentials(url, question.ca_file));
  (request.*set_name)(question.name);
  auto target = std::make_unique<GrpcTarget<Request, WholeCall<Request, Response>>>(
      io, question, std::move(request), whole, stream);
  target->Connect(url.host_port.ToString(), credentials, num_connections);
  return target;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> MakeGrpcTarget(boost::asio::io_context& io,
                                                       const Question& question,
                                                       const ServerUrl& url, int num_connections) {
  switch (question.subject) {
    case Subject::kGraph:
      return Make<v1::RunGraphRequest, v1::RunGraphResponse>(
          io, question, url, num_connections, &v1::RunGraphRequest::set_graph<const std::string&>,
          &Async::RunGraph, &Async::StreamRunGraph);
    case Subject::kGenerator:
      return Make<v1::GenerateRequest, v1::GenerateResponse>(
          io, question, url, num_connections, &v1::GenerateRequest::set_model<const std::string&>,
          &Async::Generate, &Async::StreamGenerate);
    case Subject::kClassifier:
      return Make<v1::ClassifyRequest, v1::ClassifyResponse>(
          io, question, url, num_connections, &v1::ClassifyRequest::set_model<const std::string&>,
          &Async::Classify, nullptr);
    case Subject::kEmbedder:
      return Make<v1::EmbedRequest, v1::EmbedResponse>(
          io, question, url, num_connections, &v1::EmbedRequest::set_model<const std::string&>,
          &Async::Embed, nullptr);
  }
  return absl::InternalError("no such subject");
}

}  // namespace chorus::bench
