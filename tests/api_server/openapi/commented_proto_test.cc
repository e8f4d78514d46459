#include "api_server/openapi/commented_proto.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "api_server/openapi/comment.h"
#include "google/api/annotations.pb.h"
#include "tests/api_server/openapi/test_protos.h"

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CommentedProtoTest, HasCommentsAndAnnotations) {
  const auto proto = LoadProto("openapi_document_test");
  const auto& method = *proto->file().FindServiceByName("S")->FindMethodByName("Run");
  EXPECT_THAT(CommentOf(*method.service()), StartsWith("Serves.\n\n"));
  EXPECT_THAT(CommentOf(method), StartsWith("Runs it. Idempotent."));
  EXPECT_EQ(CommentOf(*method.input_type()->FindFieldByName("text")), "The prompt.");
  EXPECT_EQ(CommentOf(*method.input_type()->FindFieldByName("stop")), "");
  EXPECT_EQ(method.options().GetExtension(google::api::http).post(), "/run");
}

TEST(CommentedProtoTest, RefusesWhatDoesNotFit) {
  const auto refusal = [](const std::string& set) {
    const absl::Status status = CommentedProto::Create(set).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal("no protobuf"), HasSubstr("descriptor set"));
  EXPECT_THAT(refusal(""), HasSubstr("has no file"));
  google::protobuf::FileDescriptorSet set;
  set.add_file()->set_name("test.proto");
  set.mutable_file(0)->add_dependency("no/such.proto");
  EXPECT_THAT(refusal(set.SerializeAsString()), HasSubstr("imports no/such.proto"));
  set.mutable_file(0)->clear_dependency();
  set.mutable_file(0)->add_message_type()->set_name("not a name");
  EXPECT_THAT(refusal(set.SerializeAsString()), HasSubstr("test.proto are wrong"));
}

}  // namespace
}  // namespace chorus
