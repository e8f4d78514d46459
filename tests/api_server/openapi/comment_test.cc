#include "api_server/openapi/comment.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "google/api/annotations.pb.h"
#include "tests/api_server/openapi/test_protos.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

TEST(LoadCommentedProtoTest, HasCommentsAndAnnotations) {
  const auto& method =
      *LoadProto("openapi_document_test").FindServiceByName("S")->FindMethodByName("Run");
  EXPECT_THAT(CommentOf(*method.service()), StartsWith("Serves.\n\n"));
  EXPECT_THAT(CommentOf(method), StartsWith("Runs it. Idempotent."));
  EXPECT_EQ(CommentOf(*method.input_type()->FindFieldByName("text")), "The prompt.");
  EXPECT_EQ(CommentOf(*method.input_type()->FindFieldByName("stop")), "");
  EXPECT_EQ(method.options().GetExtension(google::api::http).post(), "/run");
}

TEST(LoadCommentedProtoTest, RefusesWhatIsBroken) {
  google::protobuf::DescriptorPool pool;
  EXPECT_EQ(LoadCommentedProto("no protobuf", pool), nullptr);
  EXPECT_EQ(LoadCommentedProto("", pool), nullptr);
  google::protobuf::FileDescriptorSet set;
  set.add_file()->set_name("test.proto");
  set.mutable_file(0)->add_dependency("no/such.proto");
  EXPECT_EQ(LoadCommentedProto(set.SerializeAsString(), pool), nullptr);
}

TEST(CommentTest, ReflowsParagraphsAndLists) {
  EXPECT_EQ(ReflowComment(""), "");
  EXPECT_EQ(ReflowComment(" One\n two.\n"), "One two.");
  EXPECT_EQ(ReflowComment(" One.\n\n\n Two.\n"), "One.\n\nTwo.");
  EXPECT_EQ(ReflowComment(" List:\n * one\n   goes on\n * two\n"), "List:\n* one goes on\n* two");
}

TEST(CommentTest, TakesTheFirstSentence) {
  EXPECT_EQ(FirstSentence("One two. Three."), "One two");
  EXPECT_EQ(FirstSentence("In (0.5, 1]"), "In (0.5, 1]");
  EXPECT_EQ(FirstSentence("One.\n\nTwo."), "One");
  EXPECT_EQ(FirstSentence(""), "");
}

std::string Describe(std::string_view comment) {
  const CommentRange range = RangeOf(comment);
  std::string text;
  const auto add = [&](const char* name, const auto& value) {
    if (value.has_value())
      text += std::string(name) + std::to_string(static_cast<int>(*value)) + " ";
  };
  add(">=", range.minimum);
  add(">", range.exclusive_minimum);
  add("<=", range.maximum);
  add("<", range.exclusive_maximum);
  add("b>=", range.min_bytes);
  add("b<=", range.max_bytes);
  return text;
}

TEST(CommentTest, ReadsRanges) {
  EXPECT_EQ(Describe("1 to 1,024 texts, UTF-8."), ">=1 <=1024 ");
  EXPECT_EQ(Describe("Upper bound on both together, 1 to the model's context."), ">=1 ");
  EXPECT_EQ(Describe("Upper bound on new tokens, at least 1; wins over others."), ">=1 ");
  EXPECT_EQ(Describe("So many of them, at most 20. Default: none."), "<=20 ");
  EXPECT_EQ(Describe("Divides the logits, greater than 0. Default: 1."), ">0 ");
  EXPECT_EQ(Describe("Greater than 0."), ">0 ");
  EXPECT_EQ(Describe("A share, in (0, 1]. Default: 1."), ">0 <=1 ");
  EXPECT_EQ(Describe("In [0, 7)."), ">=0 <7 ");
  EXPECT_EQ(Describe("Taken from a logit, -2 to 2. Default: 0."), ">=-2 <=2 ");
  EXPECT_EQ(Describe("At most 16, of 1 to 1,024 bytes."), "<=16 b>=1 b<=1024 ");
}

TEST(CommentTest, LeavesNumbersThatAreNoRangeAlone) {
  EXPECT_EQ(Describe("Less likely where greater than 1, as others do."), "");
  EXPECT_EQ(Describe("More than 1 only with `do_sample`."), "");
  EXPECT_EQ(Describe("Wrong to within 5%."), "");
  EXPECT_EQ(Describe("Default: 50."), "");
}

TEST(CommentTest, ReadsErrors) {
  const CommentErrors errors = ErrorsOf(
      "Does it.\n\nErrors:\n* `INVALID_ARGUMENT`: wrong.\n* `A`, `B`: as `Other`; or not.");
  EXPECT_EQ(errors.description, "Does it.");
  EXPECT_EQ(errors.inherits, "");
  EXPECT_THAT(errors.errors,
              ElementsAre(Pair("INVALID_ARGUMENT", "wrong."), Pair("A", "as `Other`; or not."),
                          Pair("B", "as `Other`; or not.")));
  EXPECT_THAT(TakeAs("as `Other`; or not."), Pair("Other", "; or not."));
  EXPECT_THAT(TakeAs("wrong."), Pair("", ""));
}

TEST(CommentTest, ReadsErrorsOfAnotherMethod) {
  const CommentErrors errors = ErrorsOf("Does it too. Errors: as `Do`; before it has begun.");
  EXPECT_EQ(errors.description, "Does it too.");
  EXPECT_EQ(errors.inherits, "Do");
  EXPECT_THAT(errors.errors, IsEmpty());
}

TEST(CommentTest, ReadsErrorsUnderALongerHeading) {
  EXPECT_THAT(ErrorsOf("S.\n\nErrors every method may return:\n* `INTERNAL`: a fault.").errors,
              ElementsAre(Pair("INTERNAL", "a fault.")));
  EXPECT_EQ(ErrorsOf("Errors are rare. So it is.").description, "Errors are rare. So it is.");
}

}  // namespace
}  // namespace chorus::gateway
