#include "bundles/bundle_readme.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/bundles/sample_home.h"

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FormatReadme, TellsWhatItIsAndHowToUseIt) {
  const TempDirectory temp;
  SampleHome home(temp.path());
  home.bundle().set_description("Continues texts.");
  (*home.bundle().mutable_labels())["a"] = "b|c";
  const std::string text = FormatReadme(home.bundle(), "g");
  for (const char* part :
       {"# sample:v1\n\nContinues texts.\n", "| gpt2 | gpt2:m1 | 45 | replicas 2 |",
        "| bert | bert:m1 | 45 | defaults |", "| a | b\\|c |", "\nchorus serve sample:v1\n",
        "curl -X POST http://localhost:3000/v1/graphs/g:run", "\nchorus containerize sample:v1\n",
        "-p 3000:3000 -p 50051:50051 sample:v1\n", "chorus export sample:v1 sample.tar.gz"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("--memory")));
}

TEST(FormatReadme, AsksForMemoryWhenEachModelSaysHowMuch) {
  const TempDirectory temp;
  SampleHome home(temp.path());
  (*home.bundle().mutable_resources())["gpt2"].set_memory_bytes(1000);  // Two replicas.
  (*home.bundle().mutable_resources())["bert"].set_memory_bytes(500);
  EXPECT_THAT(FormatReadme(home.bundle(), "g"), HasSubstr("--memory 2500 sample:v1"));
}

}  // namespace
}  // namespace chorus
