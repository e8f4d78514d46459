#include "base/near_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus {
namespace {

TEST(NearName, FindsWhatIsMeant) {
  const std::vector<std::string> names = {"text",  "max_length", "max_new_tokens", "temperature",
                                          "top_k", "top_p",      "seed",           "stop"};
  struct Case {
    std::string name, near;
  };
  for (const Case& c : std::vector<Case>{{"temprature", "temperature"},
                                         {"Temperature", "temperature"},
                                         {"temp", "temperature"},
                                         {"max-length", "max_length"},
                                         {"maxlength", "max_length"},
                                         {"max_tokens", "max_new_tokens"},
                                         {"txt", "text"},
                                         {"tetx", "text"},
                                         {"texts", "text"},
                                         {"topk", "top_k"},
                                         {"top_q", "top_k"},  // The first of those equally near.
                                         {"stops", "stop"},
                                         {"prompt", ""},
                                         {"n", ""},
                                         {"", ""},
                                         {std::string(1000, 'x'), ""}}) {
    EXPECT_EQ(NearName(c.name, names), c.near) << c.name;
  }
  EXPECT_EQ(NearName("a", {}), "");
  EXPECT_EQ(NearName("a", {"b"}), "");
}

}  // namespace
}  // namespace chorus
