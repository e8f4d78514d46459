#include "cli/bundles/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

TEST(CaptureProgram, GivesOutputErrorsAndStatus) {
  const auto result = CaptureProgram({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_status, 3);
}

TEST(CaptureProgram, TakesLargeOutputsAndNoInput) {
  const auto result = CaptureProgram({"sh", "-c", "cat; head -c 3000000 /dev/zero"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out.size(), 3'000'000u);
}

TEST(CaptureProgram, HasNoShellBetween) {
  const auto result = CaptureProgram({"printf", "%s", "$HOME; `ls` 'x'"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "$HOME; `ls` 'x'");
}

TEST(CaptureProgram, NamesTheSignalByItsStatus) {
  const auto result = CaptureProgram({"sh", "-c", "kill -9 $$"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 128 + 9);
}

TEST(RunProgram, GivesTheStatusAndSaysWhenThereIsNoSuchProgram) {
  EXPECT_EQ(RunProgram({"true"}).value(), 0);
  EXPECT_EQ(RunProgram({"false"}).value(), 1);
  EXPECT_TRUE(absl::IsNotFound(RunProgram({"no-such-program"}).status()));
}

TEST(FormatCommand, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(FormatCommand({"docker", "build", "--label", "a=b c", "", "it's", "x/y:1.0"}),
            "docker build --label 'a=b c' '' 'it'\\''s' x/y:1.0");
}

}  // namespace
}  // namespace chorus
