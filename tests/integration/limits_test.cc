// A runner whose address space is limited, as ulimit -v does it.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds kPatience{60};
// The runner itself takes less than one GB of addresses, a KV cache for all of these sequences 19.
constexpr int64_t kLimitKb = 4'000'000;
// With two threads and a small cache 350 MB were enough, without malloc's arenas.
constexpr int64_t kNearLimitKb = 500'000;
constexpr int kNumSequences = 8192;

class LimitsTest : public testing::Test {
 protected:
  std::vector<std::string> Limited(const std::string& flags) const {
    return {"/bin/sh", "-c",
            absl::StrCat("ulimit -v ", kLimitKb, "; exec ", CHORUS_BINARY_DIR,
                         "/runner_server --model models/demo/gpt2 --dtype float32 --address "
                         "127.0.0.1:0 --metrics_address= --max_sequences ",
                         kNumSequences, " --max_step_tokens ", kNumSequences, " --ports_file ",
                         ports_, " ", flags)};
  }

  const std::string folder_ = MakeTempDir();
  const std::string ports_ = folder_ + "/ports";
};

TEST_F(LimitsTest, ReservesNoMoreThanTheKvCacheMayUse) {
  Process runner(Limited("--kv_cache_bytes 20000000"), folder_ + "/log");
  ASSERT_NE(runner.WaitForLine("event=serving", kPatience), "") << runner.Log();
  std::string address;
  std::getline(std::ifstream(ports_), address);
  ASSERT_TRUE(address.starts_with("grpc=")) << address;
  const auto stub = runner::v1::RunnerService::NewStub(
      grpc::CreateChannel(address.substr(5), grpc::InsecureChannelCredentials()));
  // Texts of the whole context, one more than fit the cap at once.
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<runner::v1::GenerateResponse>>> calls;
  runner::v1::GenerateRequest request;
  request.set_text("I have an idea!");
  request.mutable_params()->set_ignore_eos(true);
  for (int i = 0; i < 10; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    calls.push_back(stub->Generate(contexts.back().get(), request));
  }
  std::vector<std::string> texts(calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    runner::v1::GenerateResponse response;
    while (calls[i]->Read(&response)) texts[i] += response.delta().text();
    const grpc::Status status = calls[i]->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_FALSE(texts[i].empty());
    EXPECT_EQ(texts[i], texts[0]);  // Greedy; however their slots moved.
  }
}

TEST_F(LimitsTest, NamesTheFlagsWhereTheReservationIsRefused) {
  Process runner(Limited(""), folder_ + "/log");
  EXPECT_EQ(runner.WaitForExit(kPatience), 1);
  EXPECT_THAT(runner.Log(),
              HasSubstr("no address space for the KV cache, bytes: 19327352832 (8192 sequences of "
                        "256 tokens). Give a smaller --max_sequences, or --kv_cache_bytes; or "
                        "raise the limit, of ulimit -v or vm.overcommit_memory"));
}

TEST_F(LimitsTest, NearTheLimitEveryStartIsAsTheOthers) {
  for (int i = 0; i < 5; ++i) {
    Process runner(
        {"/bin/sh", "-c",
         absl::StrCat("ulimit -v ", kNearLimitKb, "; exec ", CHORUS_BINARY_DIR,
                      "/runner_server --model models/demo/gpt2 --dtype float32 --threads 2 "
                      "--address 127.0.0.1:0 --metrics_address= --kv_cache_bytes 20000000")},
        absl::StrCat(folder_, "/log", i));
    EXPECT_NE(runner.WaitForLine("event=serving", kPatience), "") << runner.Log();
  }
}

}  // namespace
}  // namespace chorus
