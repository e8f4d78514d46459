#include "api_server/transcoding/http_binding.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>
#include <google/rpc/error_details.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "google/api/annotations.pb.h"
#include "tests/api_server/transcoding/status_matchers.h"
#include "tests/api_server/transcoding/test_bindings.h"
#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus::gateway {
namespace {

using google::protobuf::DescriptorPool;

TEST(GetHttpBindings, ReadsEveryPattern) {
  const auto bindings = GetHttpBindings(*testing::Everything::descriptor()->file()->service(0));
  ASSERT_THAT(bindings, IsOk());
  std::vector<std::string> names;
  for (const HttpBinding& binding : *bindings) names.push_back(binding.name());
  EXPECT_THAT(names,
              ::testing::ElementsAre(
                  "GET /v1/{name=shelves/*/books/*}", "GET /v1/books/{name}",
                  "GET /v1/shelves/{shelf.id}/first", "HEAD /v1/books/{name}", "GET /v1/books",
                  "PATCH /v1/{book.name=shelves/*/books/*}", "GET /files/{name=**}",
                  "POST /files/{name=**}:read", "* /any", "GET /search", "POST /echo",
                  "POST /echo/{text}/{inner.name}", "PUT /numbers", "PUT /inner", "PUT /maybe",
                  "PUT /color/{color}/{i32}/{flag}", "PUT /texts/{id}", "PUT /blobs/{id}",
                  "POST /texts/{id}:put", "GET /v1/books/{name}:watch"));
}

TEST(GetHttpBindings, ResolvesFields) {
  const HttpBinding& binding = GetTestBinding("PATCH /v1/{book.name=shelves/*/books/*}");
  EXPECT_EQ(binding.rpc_path, "/chorus.testing.TestService/UpdateBook");
  EXPECT_EQ(binding.body, HttpBinding::Body::kField);
  EXPECT_EQ(binding.body_field->name(), "book");
  EXPECT_EQ(binding.response_field, nullptr);
  ASSERT_EQ(binding.variables.size(), 1u);
  EXPECT_EQ(FieldPathName(binding.variables[0]), "book.name");
  EXPECT_EQ(GetTestBinding("GET /v1/books").response_field->name(), "books");
  EXPECT_EQ(GetTestBinding("POST /echo").body, HttpBinding::Body::kWhole);
  EXPECT_EQ(GetTestBinding("GET /search").body, HttpBinding::Body::kNone);
}

TEST(GetHttpBindings, FindsTheRouteThatTakesTheSameFieldsAsOneObject) {
  EXPECT_THAT(GetTestBinding("PUT /texts/{id}").json_object_routes,
              ::testing::ElementsAre("POST /texts/{id}:put"));
  EXPECT_THAT(GetTestBinding("POST /texts/{id}:put").json_object_routes, ::testing::IsEmpty());
}

// Of a service whose one method has this annotation.
absl::StatusOr<std::vector<HttpBinding>> BindingsOf(
    const std::string& rule, bool client_streaming = false,
    const google::protobuf::Descriptor& output = *testing::Everything::descriptor()) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("made.proto");
  file.add_dependency("google/api/annotations.proto");
  file.add_dependency(testing::Everything::descriptor()->file()->name());
  if (output.file()->name() != file.dependency(1)) file.add_dependency(output.file()->name());
  auto* service = file.add_service();
  service->set_name("Made");
  auto* method = service->add_method();
  method->set_name("Call");
  method->set_input_type(".chorus.testing.Everything");
  method->set_output_type("." + output.full_name());
  method->set_client_streaming(client_streaming);
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      rule, method->mutable_options()->MutableExtension(google::api::http)));
  DescriptorPool pool(DescriptorPool::generated_pool());
  const auto* built = pool.BuildFile(file);
  return GetHttpBindings(*built->service(0));
}

TEST(GetHttpBindings, NamesTheMethodAndWhatIsWrong) {
  struct Case {
    std::string rule, error;
  };
  for (const Case& c : std::vector<Case>{
           {"", "it has no HTTP method"},
           {"custom { path: '/a' }", "it has no HTTP method"},
           {"get: ''", "http template \"\": expected \"/\" at offset 0"},
           {"get: '/a//b'", "http template \"/a//b\": expected a segment at offset 3"},
           {"get: '/{no_such}'",
            "the path variable no_such is no field of chorus.testing.Everything"},
           {"get: '/{inner.no_such}'",
            "the path variable inner.no_such is no field of chorus.testing.Everything"},
           {"get: '/{text.x}'",
            "the path variable text.x is no field of chorus.testing.Everything"},
           {"get: '/{inner}'", "the path variable inner must be a singular field, and no message"},
           {"get: '/{texts}'", "the path variable texts must be a singular field, and no message"},
           {"get: '/{inner.tags}'",
            "the path variable inner.tags must be a singular field, and no message"},
           {"post: '/a' body: 'no_such'",
            "the body no_such is no field of chorus.testing.Everything"},
           {"post: '/a' body: 'inner.name'",
            "the body inner.name is no field of chorus.testing.Everything"},
           {"post: '/{text}' body: 'text'", "the field text is both in the path and the body"},
           {"post: '/a' response_body: '*'",
            "the response_body * is no field of chorus.testing.Everything"},
           {"get: '/a' additional_bindings { get: '/b' additional_bindings { get: '/c' } }",
            "additional_bindings must not hold additional_bindings"},
           {"get: '/a' additional_bindings { get: 'b' }",
            "http template \"b\": expected \"/\" at offset 0"},
       }) {
    EXPECT_THAT(BindingsOf(c.rule), IsInvalid("google.api.http of Made.Call: " + c.error));
  }
  EXPECT_THAT(
      BindingsOf("post: '/a' body: '*'", /*client_streaming=*/true),
      IsInvalid("google.api.http of Made.Call: a client-streaming method has no HTTP form"));
  const auto has_no_json = [](const google::protobuf::Descriptor& output) {
    return BindingsOf("get: '/a'", /*client_streaming=*/false, output);
  };
  EXPECT_THAT(has_no_json(*google::rpc::ErrorInfo::descriptor()),
              IsInvalid("google.api.http of Made.Call: the field google.rpc.ErrorInfo.metadata has "
                        "no JSON here: it is a map"));
  EXPECT_THAT(has_no_json(*google::rpc::RetryInfo::descriptor()),
              IsInvalid("google.api.http of Made.Call: the field google.rpc.RetryInfo.retry_delay "
                        "has no JSON here: it is a google.protobuf.Duration"));
  EXPECT_THAT(has_no_json(*google::rpc::BadRequest::descriptor()), IsOk());
  EXPECT_THAT(BindingsOf("post: '/a' body: '*'"), IsOk());
}

}  // namespace
}  // namespace chorus::gateway
