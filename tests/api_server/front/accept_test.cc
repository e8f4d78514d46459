#include "api_server/front/accept.h"

#include <gtest/gtest.h>

namespace chorus {
namespace {

TEST(AcceptTest, MostSpecificRangeDecides) {
  struct Case {
    const char* accept;
    bool accepted;
  };
  const Case cases[] = {
      {"", true},
      {"  ", true},
      {"*/*", true},
      {"application/json", true},
      {"APPLICATION/JSON", true},
      {"application/*", true},
      {"text/html, application/json;q=0.1", true},
      {"text/html, */*;q=0.1", true},
      {"application/json; charset=utf-8", true},
      {"application/json;q=0.001", true},
      {"application/json;q=x", true},
      {"application/*;q=0, application/json", true},
      {"application/json, */*;q=0", true},
      {"text/html", false},
      {"text/*", false},
      {"application/json;q=0", false},
      {"application/json; Q=0.000", false},
      {"*/*, application/json;q=0", false},
      {"application/json;q=0, */*", false},
      {"application/*;q=0, */*", false},
      {"*/*;q=0", false},
      {"application/jsonx", false},
      {"application", false},
      {",;,", false},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(Accepts(test.accept, "application/json"), test.accepted) << test.accept;
  }
}

}  // namespace
}  // namespace chorus
