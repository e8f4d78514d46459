#include "cli/bench/load/grpc_target.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <openssl/ssl.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <mutex>

#include "base/grpc/status.h"
#include "cli/monotonic_clock.h"
#include "proto/chorus/v1/inference.grpc.pb.h"
#include "tests/base/temp_directory.h"
#include "tests/model_store/hub/tls_certificate.h"

namespace chorus::bench {
namespace {

using ::testing::HasSubstr;

class Service : public v1::InferenceService::Service {
 public:
  grpc::Status RunGraph(grpc::ServerContext* context, const v1::RunGraphRequest* request,
                        v1::RunGraphResponse* response) override {
    std::lock_guard lock(mutex_);
    graph_request_ = *request;
    const auto& metadata = context->client_metadata();
    if (const auto it = metadata.find("x-team"); it != metadata.end()) {
      team_.assign(it->second.data(), it->second.size());
    }
    response->add_results()->mutable_timing()->set_generated_tokens(5);
    return ToGrpcStatus(status_);
  }

  grpc::Status StreamGenerate(grpc::ServerContext*, const v1::GenerateRequest*,
                              grpc::ServerWriter<v1::StreamEvent>* writer) override {
    for (int i = 0; i < 3; ++i) {
      v1::StreamEvent event;
      event.mutable_token()->set_num_tokens(1);
      writer->Write(event);
    }
    return grpc::Status::OK;
  }

  grpc::Status Classify(grpc::ServerContext*, const v1::ClassifyRequest* request,
                        v1::ClassifyResponse*) override {
    std::lock_guard lock(mutex_);
    text_ = request->texts(0);
    return grpc::Status::OK;
  }

  grpc::Status Embed(grpc::ServerContext*, const v1::EmbedRequest* request,
                     v1::EmbedResponse*) override {
    std::lock_guard lock(mutex_);
    text_ = request->model() + ": " + request->texts(0);
    return grpc::Status::OK;
  }

  grpc::Status Generate(grpc::ServerContext* context, const v1::GenerateRequest*,
                        v1::GenerateResponse*) override {
    is_waiting_ = true;
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return grpc::Status::CANCELLED;
  }

  std::mutex mutex_;
  v1::RunGraphRequest graph_request_;
  std::string team_, text_;
  absl::Status status_;
  std::atomic<bool> is_waiting_ = false;
};

class GrpcTargetTest : public ::testing::Test {
 protected:
  explicit GrpcTargetTest(const std::shared_ptr<grpc::ServerCredentials>& credentials =
                              grpc::InsecureServerCredentials()) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  absl::StatusOr<std::unique_ptr<Target>> Make(const Question& question) {
    return MakeGrpcTarget(io_, question, *ServerUrl::Parse(url()), 2);
  }
  std::string url() const { return scheme_ + host_ + ":" + std::to_string(port_); }
  CallRecord Ask(const Question& question, const Call& call = {.text = "Once", .seed = 7}) {
    auto made = Make(question);
    EXPECT_TRUE(made.ok()) << made.status();
    target_ = *std::move(made);
    return Ask(call);
  }
  CallRecord Ask(const Call& call, std::function<void()> meanwhile = {}) {
    std::optional<CallRecord> ended;
    io_.restart();
    const auto work = boost::asio::make_work_guard(io_);
    target_->Send(call, MonotonicNow(), [&](CallRecord record) { ended = std::move(record); });
    if (meanwhile) meanwhile();
    while (!ended) io_.run_one();
    return *ended;
  }

  Service service_;
  std::string scheme_, host_ = "127.0.0.1";
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  boost::asio::io_context io_{1};
  std::unique_ptr<Target> target_;
};

TEST_F(GrpcTargetTest, RunsAGraph) {
  Question question{.protocol = Protocol::kGrpc, .name = "g", .parameters = {{"temperature", 0.5}}};
  question.headers = {"X-Team: a"};
  const CallRecord record = Ask(question, {.text = "Once", .output_tokens = 9, .seed = 7});
  EXPECT_EQ(record.outcome, Outcome::kOk);
  EXPECT_EQ(record.status, "OK");
  EXPECT_EQ(record.num_tokens, 5u);
  EXPECT_GT(record.end, record.sent);
  EXPECT_EQ(service_.graph_request_.graph(), "g");
  EXPECT_EQ(service_.graph_request_.text(), "Once");
  EXPECT_EQ(service_.graph_request_.seed(), 7u);
  EXPECT_EQ(service_.graph_request_.temperature(), 0.5);
  EXPECT_EQ(service_.graph_request_.max_new_tokens(), 9u);
  EXPECT_TRUE(service_.graph_request_.ignore_eos());
  EXPECT_EQ(service_.team_, "a");
}

TEST_F(GrpcTargetTest, ParametersWin) {
  Ask({.protocol = Protocol::kGrpc, .parameters = {{"seed", 1}, {"ignore_eos", false}}},
      {.text = "Once", .output_tokens = 9, .seed = 7});
  EXPECT_EQ(service_.graph_request_.seed(), 1u);
  EXPECT_FALSE(service_.graph_request_.ignore_eos());
}

TEST_F(GrpcTargetTest, TimesAStream) {
  const CallRecord record =
      Ask({.protocol = Protocol::kGrpcStream, .subject = Subject::kGenerator, .name = "gpt2"});
  EXPECT_EQ(record.outcome, Outcome::kOk);
  ASSERT_EQ(record.texts.size(), 1u);
  EXPECT_EQ(record.texts[0].branch, "gpt2");
  EXPECT_EQ(record.num_tokens, 3u);
  EXPECT_GE(record.texts[0].first_token, record.sent);
  EXPECT_GE(record.end, record.texts[0].last_token);
}

TEST_F(GrpcTargetTest, Classifies) {
  EXPECT_EQ(Ask({.protocol = Protocol::kGrpc, .subject = Subject::kClassifier}).outcome,
            Outcome::kOk);
  EXPECT_EQ(service_.text_, "Once");
}

TEST_F(GrpcTargetTest, Embeds) {
  EXPECT_EQ(
      Ask({.protocol = Protocol::kGrpc, .subject = Subject::kEmbedder, .name = "minilm"}).outcome,
      Outcome::kOk);
  EXPECT_EQ(service_.text_, "minilm: Once");
}

TEST_F(GrpcTargetTest, StatusesAreOutcomes) {
  const struct {
    absl::Status status;
    Outcome outcome;
    const char* name;
  } kCases[] = {{absl::ResourceExhaustedError("full"), Outcome::kRefused, "RESOURCE_EXHAUSTED"},
                {absl::UnavailableError("away"), Outcome::kRefused, "UNAVAILABLE"},
                {absl::DeadlineExceededError("late"), Outcome::kTimedOut, "DEADLINE_EXCEEDED"},
                {absl::InternalError("ours"), Outcome::kFailed, "INTERNAL"}};
  for (const auto& each : kCases) {
    service_.status_ = each.status;
    const CallRecord record = Ask({.protocol = Protocol::kGrpc});
    EXPECT_EQ(record.outcome, each.outcome);
    EXPECT_EQ(record.status, each.name);
    EXPECT_EQ(record.message, each.status.message());
  }
}

TEST_F(GrpcTargetTest, NobodyThereHasFailed) {
  server_->Shutdown();
  const CallRecord record = Ask({.protocol = Protocol::kGrpc});
  EXPECT_EQ(record.outcome, Outcome::kFailed);
  EXPECT_THAT(record.message, HasSubstr("Connection refused"));
}

TEST_F(GrpcTargetTest, CallsTakeNoLongerThanTheirTime) {
  const CallRecord record = Ask({.protocol = Protocol::kGrpc,
                                 .subject = Subject::kGenerator,
                                 .timeout = absl::Milliseconds(50)});
  EXPECT_EQ(record.outcome, Outcome::kTimedOut);
}

TEST_F(GrpcTargetTest, CancelledCallsAreUnfinished) {
  target_ = *Make({.protocol = Protocol::kGrpc, .subject = Subject::kGenerator});
  const CallRecord record = Ask(Call{.text = "Once"}, [&] {
    while (!service_.is_waiting_) std::this_thread::yield();
    target_->Cancel();
  });
  EXPECT_EQ(record.outcome, Outcome::kUnfinished);
}

TEST_F(GrpcTargetTest, ParametersMustBeFields) {
  EXPECT_THAT(Make({.protocol = Protocol::kGrpc, .parameters = {{"heat", 1}}}).status().message(),
              HasSubstr("heat"));
}

struct Certificate {
  Certificate() : context(store::MakeTlsContext(pem)), key(store::PrivateKeyOf(context)) {}
  ~Certificate() { SSL_CTX_free(context); }

  std::shared_ptr<grpc::ServerCredentials> Credentials() const {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs = {{key, pem}};
    return grpc::SslServerCredentials(options);
  }

  std::string pem;
  SSL_CTX* const context;
  const std::string key;
};

class GrpcTlsTest : private Certificate, public GrpcTargetTest {
 protected:
  GrpcTlsTest() : GrpcTargetTest(Certificate::Credentials()) {
    scheme_ = "grpcs://";
    PutFile(temp_ / "ca.pem", pem);
  }

  Question Asking(const std::filesystem::path& ca_file) const {
    return {.protocol = Protocol::kGrpc, .ca_file = ca_file};
  }

  const TempDirectory temp_;
};

TEST_F(GrpcTlsTest, TrustsWhomTheFileNames) {
  const CallRecord record = Ask(Asking(temp_ / "ca.pem"));
  EXPECT_EQ(record.outcome, Outcome::kOk) << record.message;
  EXPECT_EQ(record.num_tokens, 5u);
}

TEST_F(GrpcTlsTest, RefusesACertificateThatNobodyTrusted) {
  const CallRecord record = Ask(Asking(""));
  EXPECT_EQ(record.outcome, Outcome::kFailed);
  EXPECT_EQ(record.status, "UNAVAILABLE");
}

TEST_F(GrpcTlsTest, RefusesTheCertificateOfAnotherHost) {
  host_ = "localhost";
  EXPECT_EQ(Ask(Asking(temp_ / "ca.pem")).outcome, Outcome::kFailed);
}

TEST_F(GrpcTlsTest, CertificatesThatCannotBeReadAreAnError) {
  PutFile(temp_ / "ca.pem", "none");
  EXPECT_EQ(Make(Asking(temp_ / "ca.pem")).status().message(),
            "cannot read certificates (PEM) from " + (temp_ / "ca.pem").native());
  EXPECT_EQ(Make(Asking("/no/such")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace chorus::bench
