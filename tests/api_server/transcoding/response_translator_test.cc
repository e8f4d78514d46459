#include "api_server/transcoding/response_translator.h"

#include <gtest/gtest.h>

#include "tests/api_server/transcoding/status_matchers.h"
#include "tests/api_server/transcoding/test_bindings.h"
#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus {
namespace {

TEST(TranslateResponse, GivesTheWholeMessage) {
  testing::Book book;
  book.set_name("n");
  book.set_score(0);
  EXPECT_EQ(*TranslateResponse(GetTestBinding("GET /v1/books/{name}"), book),
            R"({"name":"n","score":0})");
}

TEST(TranslateResponse, GivesTheFieldOfTheResponseBody) {
  const HttpBinding& list = GetTestBinding("GET /v1/books");
  testing::BookList books;
  EXPECT_EQ(*TranslateResponse(list, books), "[]");
  books.add_books()->set_name("a");
  books.set_next("b");
  EXPECT_EQ(*TranslateResponse(list, books), R"([{"name":"a"}])");

  testing::Everything message;
  EXPECT_EQ(*TranslateResponse(GetTestBinding("PUT /wrapped"), message), R"("")");
  EXPECT_EQ(*TranslateResponse(GetTestBinding("PUT /inner"), message), "null");
  message.mutable_inner()->set_count(0);
  EXPECT_EQ(*TranslateResponse(GetTestBinding("PUT /inner"), message),
            R"({"name":"","tags":[],"count":0})");
}

TEST(TranslateResponse, IsInternalWhenThereIsNoJson) {
  testing::Everything message;
  message.mutable_time()->set_nanos(-1);
  EXPECT_THAT(TranslateResponse(GetTestBinding("GET /search"), message),
              StatusIs(absl::StatusCode::kInternal, "a time is out of range"));
  message.clear_time();
  message.mutable_mask()->add_paths("\xff");
  EXPECT_THAT(TranslateResponse(GetTestBinding("GET /search"), message),
              StatusIs(absl::StatusCode::kInternal, "a google.protobuf.FieldMask does not parse"));
}

}  // namespace
}  // namespace chorus
