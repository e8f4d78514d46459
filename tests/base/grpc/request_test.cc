#include "base/grpc/request.h"

#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/error_details.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  // In two pieces, as messages come from the network.
  const std::array<grpc::Slice, 2> slices = {grpc::Slice(bytes.substr(0, bytes.size() / 2)),
                                             grpc::Slice(bytes.substr(bytes.size() / 2))};
  return grpc::ByteBuffer(slices.data(), slices.size());
}

TEST(ParseRequest, TakesWhatParses) {
  v1::ClassifyRequest request;
  request.set_model("bert");
  request.add_texts("gö");
  request.add_texts("");
  request.set_truncate(false);
  std::string bytes = request.SerializeAsString();
  bytes += "\xf8\x07\x01";  // A field of a later version, number 127.
  grpc::ByteBuffer buffer = ToBuffer(bytes);
  v1::ClassifyRequest parsed;
  EXPECT_FALSE(ParseRequest(buffer, parsed).has_value());
  EXPECT_FALSE(buffer.Valid());
  EXPECT_EQ(parsed.texts(0), "gö");
  EXPECT_TRUE(parsed.has_truncate());
  grpc::ByteBuffer empty = ToBuffer("");
  EXPECT_FALSE(ParseRequest(empty, parsed).has_value());
  EXPECT_EQ(parsed.texts_size(), 0);
}

TEST(ParseRequest, NamesTheFieldThatIsNotUtf8AndThePlace) {
  v1::RunGraphRequest request;
  request.set_text("good");
  request.add_stop("x");
  request.add_stop("bad");
  request.set_graph("good");
  std::string bytes = request.SerializeAsString();
  bytes[bytes.find("bad") + 1] = '\xff';
  grpc::ByteBuffer buffer = ToBuffer(bytes);
  v1::RunGraphRequest parsed;
  const auto fault = ParseRequest(buffer, parsed);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->field, "stop[1]");
  EXPECT_EQ(fault->ToStatus(), FieldError("stop[1]", "must be UTF-8; it is not at byte 1"));
}

TEST(ParseRequest, SaysWhereBytesAreNoMessage) {
  for (const std::string& bytes : {
           std::string("\x0a\x05"
                       "ab"),                        // A text of 5 bytes, of which there are 2.
           std::string("\x0a\xff\xff\xff\xff\xff"),  // A length without an end.
           std::string("\x0f"),                      // Wire type 7.
           std::string("\x0c"),                      // The end of a group that never began.
           std::string("\0\0", 2),                   // Field 0.
           std::string("\x28\x80"),                  // A number without an end.
       }) {
    grpc::ByteBuffer buffer = ToBuffer(bytes);
    v1::RunGraphRequest parsed;
    const auto fault = ParseRequest(buffer, parsed);
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->field, "");
    EXPECT_NE(fault->problem.find("does not parse as chorus.v1.RunGraphRequest"), std::string::npos)
        << fault->problem;
  }
}

TEST(ParseRequest, ACallWithoutAMessageIsNoRequest) {
  grpc::ByteBuffer none;
  v1::RunGraphRequest parsed;
  const auto fault = ParseRequest(none, parsed);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->ToStatus().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace chorus
