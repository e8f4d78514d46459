#include "api_server/front/grpc/grpc_front.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/chorus/v1/inference.grpc.pb.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "tests/api_server/front/front_fixture.h"

namespace chorus::gateway {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A call through gRPC, in this process.
struct ClientCall {
  grpc::ClientContext context;
  v1::GenerateRequest request;
  v1::GenerateResponse response;
  std::promise<grpc::Status> done;

  std::string RequestId() {
    const auto& metadata = context.GetServerInitialMetadata();
    const auto found = metadata.find("x-request-id");
    return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
  }
};

// Another service beside ours, and without a path over HTTP.
struct HealthService {
  absl::Status Check(grpc::health::v1::HealthCheckRequest request, Call call,
                     MethodRegistry::DoneWith<grpc::health::v1::HealthCheckResponse> done) {
    if (request.service().empty()) return absl::NotFoundError("no such service");
    request_id = call.request_id;
    grpc::health::v1::HealthCheckResponse response;
    response.set_status(grpc::health::v1::HealthCheckResponse::SERVING);
    call.notes->server_timing = "check;dur=1.0";
    std::move(done)(std::move(response));
    return absl::OkStatus();
  }

  std::string request_id;
};

class GrpcFrontTest : public FrontFixture {
 protected:
  MethodRegistry Methods() {
    MethodRegistry methods;
    handler_.Register(methods);
    methods.Add("grpc.health.v1.Health.Check", health_, &HealthService::Check);
    return methods;
  }

  GrpcFrontTest() {
    grpc::ServerBuilder builder;
    front_.AddTo(builder);
    server_ = builder.BuildAndStart();
    stub_ = v1::InferenceService::NewStub(server_->InProcessChannel({}));
  }
  ~GrpcFrontTest() override {
    server_->Shutdown();
    std::fclose(log_file_);
  }

  void Begin(ClientCall& call) {
    call.request.set_model("gpt2");
    stub_->async()->Generate(&call.context, &call.request, &call.response,
                             [&call](grpc::Status status) { call.done.set_value(status); });
  }

  // The runner's call, once it has come.
  PuppetRunnerClient::GenerateCall AwaitGenerate() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (gpt2_->num_generate_calls() == 0 && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::yield();
    }
    return gpt2_->TakeGenerate();
  }

  template <typename Detail>
  static std::optional<Detail> DetailOf(const grpc::Status& status) {
    google::rpc::Status details;
    Detail detail;
    if (!details.ParseFromString(status.error_details())) return std::nullopt;
    for (const auto& any : details.details()) {
      if (any.UnpackTo(&detail)) return detail;
    }
    return std::nullopt;
  }

  // Ends the server and the log.
  std::string ReadLog() {
    server_->Shutdown();
    log_.reset();
    std::rewind(log_file_);
    std::string text(1 << 16, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), log_file_));
    return text;
  }

  std::FILE* const log_file_ = std::tmpfile();
  std::optional<AccessLog> log_{std::in_place, fileno(log_file_)};
  HealthService health_;
  const MethodRegistry methods_ = Methods();
  GrpcFront front_{methods_,
                   {.metrics = metrics_,
                    .access_log = &*log_,
                    .max_timeout = absl::Seconds(100),
                    .write_timeout = absl::Milliseconds(400)}};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::InferenceService::Stub> stub_;
};

TEST_F(GrpcFrontTest, AnswersWithTheRequestsId) {
  ClientCall call;
  call.context.AddMetadata("x-request-id", "my.id");
  Begin(call);
  auto running = AwaitGenerate();
  EXPECT_EQ(running.context.request_id, "my.id");
  running.Finish("text");
  EXPECT_TRUE(call.done.get_future().get().ok());
  EXPECT_EQ(call.response.generated(), "text");
  EXPECT_EQ(call.RequestId(), "my.id");
}

TEST_F(GrpcFrontTest, LogsEachCallOnceItHasEnded) {
  ClientCall good, bad;
  good.context.AddMetadata("x-request-id", "good");
  Begin(good);
  AwaitGenerate().Finish("text");
  EXPECT_TRUE(good.done.get_future().get().ok());
  bad.context.AddMetadata("x-request-id", "bad");
  Begin(bad);
  AwaitGenerate().Fail(absl::ResourceExhaustedError("queue full"));
  EXPECT_FALSE(bad.done.get_future().get().ok());
  const std::string text = ReadLog();
  EXPECT_THAT(text, HasSubstr(" request=good protocol=grpc route=/v1/models/{model}:generate "
                              "status=200 seconds="));
  EXPECT_THAT(text, HasSubstr(" prompt_tokens=1 generated_tokens=2\n"));
  EXPECT_THAT(text, HasSubstr(" request=bad protocol=grpc route=/v1/models/{model}:generate "
                              "status=429 seconds="));
}

TEST_F(GrpcFrontTest, MakesAnIdWhenThereIsNone) {
  ClientCall call;
  call.context.AddMetadata("x-request-id", "no good");
  Begin(call);
  AwaitGenerate().Finish("text");
  EXPECT_TRUE(call.done.get_future().get().ok());
  EXPECT_THAT(call.RequestId(), MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(GrpcFrontTest, CapsTheDeadlineAtTheServersOwn) {
  for (const int seconds : {10, 10'000, 0}) {
    ClientCall call;
    if (seconds > 0) {
      call.context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
    }
    Begin(call);
    auto running = AwaitGenerate();
    const absl::Duration left = running.context.deadline - absl::Now();
    // gRPC rounds timeouts up on their way.
    EXPECT_LE(left, absl::Seconds(seconds == 10 ? 11 : 100)) << seconds;
    EXPECT_GE(left, absl::Seconds(seconds == 10 ? 1 : 90)) << seconds;
    running.Finish("text");
    EXPECT_TRUE(call.done.get_future().get().ok());
  }
}

TEST_F(GrpcFrontTest, AClientThatCancelsStopsItsCall) {
  ClientCall call;
  Begin(call);
  auto running = AwaitGenerate();
  std::promise<void> stopped;
  const std::stop_callback callback(running.context.stop, [&] { stopped.set_value(); });
  call.context.TryCancel();
  EXPECT_EQ(stopped.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  running.Fail(absl::CancelledError("the caller left"));
  EXPECT_EQ(call.done.get_future().get().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(GrpcFrontTest, ErrorsCarryDetails) {
  ClientCall refused;
  Begin(refused);
  AwaitGenerate().Fail(absl::ResourceExhaustedError("queue full"));
  grpc::Status status = refused.done.get_future().get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("queue full"));
  ASSERT_TRUE(DetailOf<google::rpc::RetryInfo>(status).has_value());
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status)->retry_delay().seconds(), 1);

  ClientCall wrong;
  wrong.request.set_max_length(0);
  Begin(wrong);
  status = wrong.done.get_future().get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(DetailOf<google::rpc::BadRequest>(status).has_value());
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status)->field_violations(0).field(), "max_length");
}

TEST_F(GrpcFrontTest, SaysWhatIsWrongWithBytesThatAreNoRequest) {
  struct Case {
    const char* method;
    std::string bytes;
    std::string field;  // Of the BadRequest; empty: there is none.
    std::string message;
  };
  const std::string not_utf8 =
      "\x0a\x02"
      "a\xff";  // Field 1.
  for (const Case& c : {
           Case{"RunGraph", not_utf8, "text", "text must be UTF-8; it is not at byte 1"},
           Case{"StreamRunGraph", not_utf8, "text", "text must be UTF-8; it is not at byte 1"},
           Case{"Classify",
                "\x12\x01"
                "a\x12\x02"
                "a\xff",
                "texts[1]", "texts[1] must be UTF-8; it is not at byte 1"},
           Case{"Generate",
                "\x0a\x05"
                "a",
                "",
                "the request does not parse as chorus.v1.GenerateRequest: its 3 bytes are cut "
                "short, or wrong before byte 2"},
           Case{"StreamGenerate", "\x0a", "",
                "the request does not parse as chorus.v1.GenerateRequest: its 1 bytes are cut "
                "short, or wrong before byte 1"},
       }) {
    const grpc::Slice slice(c.bytes);
    grpc::ByteBuffer request(&slice, 1), response;
    grpc::ClientContext context;
    std::promise<grpc::Status> done;
    grpc::GenericStub(server_->InProcessChannel({}))
        .UnaryCall(&context, std::string("/chorus.v1.InferenceService/") + c.method, {}, &request,
                   &response, [&](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << c.method;
    EXPECT_EQ(status.error_message(), c.message);
    const auto detail = DetailOf<google::rpc::BadRequest>(status);
    EXPECT_EQ(detail.has_value() ? detail->field_violations(0).field() : "", c.field);
  }
}

TEST_F(GrpcFrontTest, OurFaultsKeepTheirWordsToThemselves) {
  ClientCall call;
  Begin(call);
  AwaitGenerate().Fail(absl::InternalError("secret"));
  const grpc::Status status = call.done.get_future().get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message().find("secret"), std::string::npos);
}

TEST_F(GrpcFrontTest, CountsUnderTheHttpPath) {
  ClientCall call;
  Begin(call);
  AwaitGenerate().Fail(absl::UnavailableError("no healthy replica"));
  EXPECT_EQ(call.done.get_future().get().error_code(), grpc::StatusCode::UNAVAILABLE);
  std::vector<std::string> labels;
  for (const auto& family : registry_.Collect()) {
    if (family.name != "bentoml_api_server_request_total") continue;
    for (const auto& label : family.metric.at(0).label) labels.push_back(label.value);
  }
  EXPECT_THAT(labels, testing::Contains("/v1/models/{model}:generate"));
  EXPECT_THAT(labels, testing::Contains("503"));
}

// A call of gpt2 that streams.
std::unique_ptr<grpc::ClientReader<v1::StreamEvent>> Stream(v1::InferenceService::Stub& stub,
                                                            grpc::ClientContext& context) {
  v1::GenerateRequest request;
  request.set_model("gpt2");
  return stub.StreamGenerate(&context, request);
}

TEST_F(GrpcFrontTest, StreamsEventsAsTheyCome) {
  grpc::ClientContext context;
  const auto reader = Stream(*stub_, context);
  auto running = AwaitGenerate();
  running.Write(" a", 1);
  v1::StreamEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.token().text(), " a");
  running.Finish(" b");
  std::string rest;
  while (reader->Read(&event)) {
    if (event.has_token()) rest += event.token().text();
  }
  EXPECT_EQ(rest, " b");
  EXPECT_TRUE(event.has_done());
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(GrpcFrontTest, StreamsEventsOfAnySizeOneAfterAnother) {
  grpc::ClientContext context;
  const auto reader = Stream(*stub_, context);
  auto running = AwaitGenerate();
  v1::StreamEvent event;
  for (const size_t size : {1, 100, 100'000, 100, 1, 10}) {
    running.Write(std::string(size, 'x'), 1);
    ASSERT_TRUE(reader->Read(&event));
    EXPECT_EQ(event.token().text(), std::string(size, 'x'));
  }
  running.Finish("");
  while (reader->Read(&event)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(GrpcFrontTest, AStreamThatFailsHasTheStatus) {
  grpc::ClientContext context;
  const auto reader = Stream(*stub_, context);
  auto running = AwaitGenerate();
  running.Write(" a", 1);
  v1::StreamEvent event;
  ASSERT_TRUE(reader->Read(&event));
  running.Fail(absl::UnavailableError("gone"));
  EXPECT_FALSE(reader->Read(&event));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("gone"));
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(status).has_value());
}

TEST_F(GrpcFrontTest, AClientThatCancelsStopsItsStream) {
  grpc::ClientContext context;
  const auto reader = Stream(*stub_, context);
  auto running = AwaitGenerate();
  std::promise<void> stopped;
  const std::stop_callback callback(running.context.stop, [&] { stopped.set_value(); });
  running.Write(" a", 3);
  context.TryCancel();
  EXPECT_EQ(stopped.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  running.Fail(absl::CancelledError("the caller left"));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_THAT(ReadLog(), ContainsRegex(" status=499 seconds=[0-9.]+ first_token_seconds=[0-9.]+ "
                                       "generated_tokens=3\n"));
}

TEST_F(GrpcFrontTest, AReaderThatIsTooSlowIsCancelled) {
  // Over TCP: in the process itself nothing holds a writer back.
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  GrpcFront front(methods_, {.metrics = metrics_, .write_timeout = absl::Milliseconds(100)});
  front.AddTo(builder);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  // The window stays at 64 KiB, whatever gRPC thinks the connection could carry.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stub = v1::InferenceService::NewStub(grpc::CreateCustomChannel(
      "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  const auto reader = Stream(*stub, context);
  auto running = AwaitGenerate();
  std::promise<void> stopped;
  const std::stop_callback callback(running.context.stop, [&] { stopped.set_value(); });
  // More than what is sent before anybody reads.
  running.Write(std::string(3 << 20, 'x'), 1);
  EXPECT_EQ(stopped.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  running.Fail(absl::CancelledError("the caller left"));
  v1::StreamEvent event;
  while (reader->Read(&event)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
  server->Shutdown();
}

TEST_F(GrpcFrontTest, ServesTheOtherMethods) {
  grpc::ClientContext graph_context, run_context, classify_context;
  v1::ClassifyGeneratedTextsRequest graph;
  graph.set_top_p(2);
  v1::ClassifyGeneratedTextsResponse graph_reply;
  EXPECT_EQ(stub_->ClassifyGeneratedTexts(&graph_context, graph, &graph_reply).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::RunGraphRequest run;
  run.set_graph("nobody");
  v1::RunGraphResponse run_reply;
  EXPECT_EQ(stub_->RunGraph(&run_context, run, &run_reply).error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::ClassifyRequest classify;
  v1::ClassifyResponse classify_reply;
  EXPECT_EQ(stub_->Classify(&classify_context, classify, &classify_reply).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcFrontTest, ServesAnotherServiceBesideOurs) {
  const auto stub = grpc::health::v1::Health::NewStub(server_->InProcessChannel({}));
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  grpc::ClientContext refused_context, context;
  const grpc::Status refused = stub->Check(&refused_context, request, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(refused.error_message(), "no such service");
  request.set_service("x");
  context.AddMetadata("x-request-id", "mine");
  const grpc::Status status = stub->Check(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  EXPECT_EQ(health_.request_id, "mine");
  EXPECT_EQ(context.GetServerTrailingMetadata().count("server-timing"), 1u);
  EXPECT_THAT(ReadLog(), HasSubstr(" request=mine protocol=grpc "
                                   "route=/grpc.health.v1.Health/Check status=200 seconds="));
}

}  // namespace
}  // namespace chorus::gateway
