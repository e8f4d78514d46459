#include "tests/fakes/fake_runner.h"

#include <grpcpp/alarm.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/grpc/status.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"
#include "tests/fakes/slots.h"

namespace chorus {
namespace {

namespace pb = ::chorus::runner::v1;

// What has been asked of the runner.
class Record {
 public:
  void Note(const grpc::CallbackServerContext& context) {
    const auto found = context.client_metadata().find("x-request-id");
    request_ids_.push_back(found == context.client_metadata().end()
                               ? ""
                               : std::string(found->second.data(), found->second.size()));
  }
  void Note(const grpc::CallbackServerContext& context, const pb::GenerateRequest& request) {
    std::lock_guard lock(mutex_);
    Note(context);
    generates_.push_back(request);
    changed_.notify_all();
  }
  void Note(const grpc::CallbackServerContext& context, const pb::ClassifyRequest& request) {
    std::lock_guard lock(mutex_);
    Note(context);
    classifies_.push_back(request);
  }
  void Note(const grpc::CallbackServerContext& context, const pb::EmbedRequest&) {
    std::lock_guard lock(mutex_);
    Note(context);
  }
  void NoteCancelled() {
    std::lock_guard lock(mutex_);
    ++num_cancelled_;
    changed_.notify_all();
  }
  void Wait(const std::function<bool(const Record&)>& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return condition(*this); });
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<pb::GenerateRequest> generates_;
  std::vector<pb::ClassifyRequest> classifies_;
  std::vector<std::string> request_ids_;
  int num_cancelled_ = 0;
};

// One Generate call: token by token, then the end.
class GenerateReactor final : public grpc::ServerWriteReactor<pb::GenerateResponse> {
 public:
  GenerateReactor(const FakeRunner::Script& script, Record& record, Slots<GenerateReactor>& slots)
      : script_(script), record_(record), slots_(slots) {
    const SlotEntry entry = slots_.Enter(this);
    if (entry == SlotEntry::kServed) Serve();
    if (entry == SlotEntry::kRefused) {
      Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full"));
    }
  }

 private:
  void OnWriteDone(bool ok) override {
    if (ok) return Continue();
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client has left"));
  }

  void OnCancel() override {
    const bool has_waited = slots_.Remove(this);
    record_.NoteCancelled();
    if (has_waited) {
      return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client has left"));
    }
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (alarm_.has_value()) alarm_->Cancel();
  }

  void OnDone() override {
    GenerateReactor* const next = served_ ? slots_.Leave() : nullptr;
    if (next != nullptr) next->Serve();
    // The alarm's callback and OnCancel have come back: Finish came after the one, and gRPC waits
    // for the other.
    delete this;
  }

  void Serve() {
    served_ = true;
    Continue();
  }

  // The next token, after its delay.
  void Continue() {
    if (next_ == script_.tokens.size() || script_.token_delay <= absl::ZeroDuration()) {
      return WriteNext();
    }
    bool cancelled = false;
    {
      std::lock_guard lock(mutex_);
      cancelled = cancelled_;
      if (!cancelled) {
        alarm_.emplace();
        alarm_->Set(absl::ToChronoTime(absl::Now() + script_.token_delay),
                    [this](bool ok) { OnAlarm(ok); });
      }
    }
    if (cancelled) Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client has left"));
  }

  void OnAlarm(bool ok) {
    {
      // Waits for the one who has set or cancelled it.
      std::lock_guard lock(mutex_);
    }
    if (ok) return WriteNext();
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client has left"));
  }

  void WriteNext() {
    response_.Clear();
    if (next_ < script_.tokens.size()) {
      response_.mutable_delta()->set_text(script_.tokens[next_++]);
      response_.mutable_delta()->set_num_tokens(1);
      return StartWrite(&response_);
    }
    if (!script_.error.ok()) return Finish(ToGrpcStatus(script_.error));
    if (num_finished_ == script_.num_finished) return Finish(grpc::Status::OK);
    ++num_finished_;
    v1::GenerationEnd& finished = *response_.mutable_finished();
    finished.set_reason(v1::FINISH_REASON_STOP);
    finished.set_prompt_tokens(1);
    finished.set_generated_tokens(static_cast<uint32_t>(script_.tokens.size()));
    StartWrite(&response_);
  }

  const FakeRunner::Script& script_;
  Record& record_;
  Slots<GenerateReactor>& slots_;
  bool served_ = false;
  size_t next_ = 0;
  int num_finished_ = 0;
  pb::GenerateResponse response_;

  std::mutex mutex_;
  bool cancelled_ = false;  // Guarded by mutex_, as the following.
  std::optional<grpc::Alarm> alarm_;
};

// One Classify or Embed call, whose answer is there but waits for its delay.
class ClassifyReactor final : public grpc::ServerUnaryReactor {
 public:
  ClassifyReactor(absl::Duration delay, const absl::Status& status) : status_(status) {
    if (delay <= absl::ZeroDuration()) {
      Finish(ToGrpcStatus(status_));
      return;
    }
    // gRPC calls OnCancel, which alone cancels the alarm, after this constructor only.
    alarm_.Set(absl::ToChronoTime(absl::Now() + delay), [this](bool ok) {
      Finish(ok ? ToGrpcStatus(status_)
                : grpc::Status(grpc::StatusCode::CANCELLED, "the client has left"));
    });
  }

 private:
  void OnCancel() override { alarm_.Cancel(); }
  void OnDone() override { delete this; }

  const absl::Status status_;
  grpc::Alarm alarm_;
};

}  // namespace

class FakeRunner::Service final : public pb::RunnerService::CallbackService {
 public:
  explicit Service(Script script) : script_(std::move(script)) {}

  grpc::ServerWriteReactor<pb::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context, const pb::GenerateRequest* request) override {
    auto* reactor = new GenerateReactor(script_, record_, slots_);
    record_.Note(*context, *request);  // Whoever waits for the call finds it served or waiting.
    return reactor;
  }

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context,
                                     const pb::ClassifyRequest* request,
                                     pb::ClassifyResponse* response) override {
    record_.Note(*context, *request);
    response->mutable_labels()->Assign(script_.labels.begin(), script_.labels.end());
    response->set_score_kind(script_.score_kind);
    for (int i = 0; i < request->texts_size(); ++i) {
      pb::Classification& result = *response->add_results();
      result.mutable_scores()->Assign(script_.scores.begin(), script_.scores.end());
      result.set_text_tokens(static_cast<uint32_t>(request->texts(i).size()));
      result.set_num_tokens(std::min(result.text_tokens(), script_.context_size));
    }
    return new ClassifyReactor(script_.token_delay, script_.error);
  }

  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* context,
                                  const pb::EmbedRequest* request,
                                  pb::EmbedResponse* response) override {
    record_.Note(*context, *request);
    for (int i = 0; i < request->texts_size(); ++i) {
      pb::Embedding& result = *response->add_results();
      result.mutable_values()->Assign(script_.vector.begin(), script_.vector.end());
      result.set_text_tokens(static_cast<uint32_t>(request->texts(i).size()));
      result.set_num_tokens(std::min(result.text_tokens(), script_.context_size));
    }
    return new ClassifyReactor(script_.token_delay, script_.error);
  }

  grpc::ServerUnaryReactor* GetModelInfo(grpc::CallbackServerContext* context,
                                         const pb::GetModelInfoRequest*,
                                         pb::GetModelInfoResponse* response) override {
    response->set_name("fake");
    response->mutable_labels()->Assign(script_.labels.begin(), script_.labels.end());
    response->set_task(script_.task);
    response->set_architecture(script_.architecture);
    *response->mutable_defaults() = script_.defaults;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(script_.model_info));
    return reactor;
  }

  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const pb::GetMetricsRequest*,
                                       pb::GetMetricsResponse* response) override {
    response->set_text(script_.metrics);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  Record& record() { return record_; }

 private:
  const Script script_;
  Record record_;
  Slots<GenerateReactor> slots_{script_.max_active, script_.max_waiting};
};

absl::StatusOr<std::unique_ptr<FakeRunner>> FakeRunner::Start(Options options) {
  grpc::EnableDefaultHealthCheckService(true);
  std::unique_ptr<FakeRunner> runner(new FakeRunner(std::move(options.script)));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.RegisterService(runner->service_.get());
  runner->server_ = builder.BuildAndStart();
  if (runner->server_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address));
  }
  const bool unix = options.address.rfind("unix:", 0) == 0;
  runner->address_ =
      unix ? options.address
           : absl::StrCat(options.address.substr(0, options.address.rfind(':')), ":", port);
  runner->SetServing(options.serving);
  return runner;
}

FakeRunner::FakeRunner(Script script) : service_(std::make_unique<Service>(std::move(script))) {}

FakeRunner::~FakeRunner() {
  if (server_ != nullptr) Shutdown();  // Null where Start has failed.
}

void FakeRunner::SetServing(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus("", serving);
}

void FakeRunner::Shutdown() { server_->Shutdown(std::chrono::system_clock::now()); }

std::vector<pb::GenerateRequest> FakeRunner::generate_requests() const {
  std::lock_guard lock(service_->record().mutex_);
  return service_->record().generates_;
}

std::vector<pb::ClassifyRequest> FakeRunner::classify_requests() const {
  std::lock_guard lock(service_->record().mutex_);
  return service_->record().classifies_;
}

std::vector<std::string> FakeRunner::request_ids() const {
  std::lock_guard lock(service_->record().mutex_);
  return service_->record().request_ids_;
}

void FakeRunner::WaitForCancelled(int num_calls) {
  service_->record().Wait([=](const Record& record) { return record.num_cancelled_ >= num_calls; });
}

void FakeRunner::WaitForGenerate(int num_calls) {
  service_->record().Wait([=](const Record& record) {
    return static_cast<int>(record.generates_.size()) >= num_calls;
  });
}

}  // namespace chorus
