#include "cli/bench/load/call_file.h"

#include <gmock/gmock.h>

#include "tests/base/temp_directory.h"

namespace chorus::bench {
namespace {

class CallFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<CallFileEntry>> Read(const std::string& text, bool is_trace) {
    PutFile(temp_ / "calls", text);
    return ReadCallFile(temp_ / "calls", is_trace);
  }
  // What is wrong with the only mistaken line, the second.
  std::string Mistake(const std::string& line, bool is_trace = true) {
    const auto read = Read((is_trace ? "{\"at\": 1}\n" : "{}\n") + line + "\n", is_trace);
    const std::string begin = (temp_ / "calls").native() + ":2: ";
    const std::string message(read.status().message());
    EXPECT_EQ(message.substr(0, begin.size()), begin) << line;
    return message.substr(std::min(begin.size(), message.size()));
  }

  TempDirectory temp_;
};

TEST_F(CallFileTest, ReadsATrace) {
  const auto read = Read(
      "{\"at\": 0.5, \"text\": \"Once\", \"output_tokens\": 20}\n\n"
      "{\"at\": 0.5, \"prompt_tokens\": 7}\r\n",
      true);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].at, absl::Milliseconds(500));
  EXPECT_EQ((*read)[0].text, "Once");
  EXPECT_EQ((*read)[0].output_tokens, 20u);
  EXPECT_EQ((*read)[1].prompt_tokens, 7u);
  EXPECT_EQ((*read)[1].text, std::nullopt);
}

TEST_F(CallFileTest, PromptsHaveNoTimes) {
  EXPECT_TRUE(Read("{\"text\": \"Once\"}\n", false).ok());
  EXPECT_EQ(Mistake("{\"at\": 1}", false),
            "unknown key \"at\"; there are text, prompt_tokens and output_tokens");
}

TEST_F(CallFileTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(Mistake("{\"at\": 1"), "must be a JSON object");
  EXPECT_EQ(Mistake("[1]"), "must be a JSON object");
  EXPECT_EQ(Mistake("{\"text\": \"a\"}"), "has no at");
  EXPECT_EQ(Mistake("{\"at\": 0.5}"), "at is before that of a line above");
  EXPECT_EQ(Mistake("{\"at\": -1}"), "at must be seconds from 0 to 1000000: -1");
  EXPECT_EQ(Mistake("{\"at\": \"1\"}"), "at must be seconds from 0 to 1000000");
  EXPECT_EQ(Mistake("{\"at\": " + std::string(100000, '[') + std::string(100000, ']') + "}"),
            "at must be seconds from 0 to 1000000");
  EXPECT_EQ(Mistake("{\"at\": 2, \"text\": 3}"), "text must be a string");
  EXPECT_EQ(Mistake("{\"at\": 2, \"prompt_tokens\": 0}"),
            "prompt_tokens must be a whole number from 1 to 1048576");
  EXPECT_EQ(Mistake("{\"at\": 2, \"output_tokens\": 1.5}"),
            "output_tokens must be a whole number from 1 to 1048576");
  EXPECT_EQ(Mistake("{\"at\": 2, \"tokens\": 1}"),
            "unknown key \"tokens\"; there are at, text, prompt_tokens and output_tokens");
  EXPECT_EQ(Mistake("{\"at\": 2, \"text\": \"a\", \"prompt_tokens\": 1}"),
            "has both text and prompt_tokens");
}

TEST_F(CallFileTest, NeedsACall) {
  EXPECT_EQ(Read("\n", true).status().message(), (temp_ / "calls").native() + " has no calls");
  EXPECT_EQ(ReadCallFile("/no/such", true).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace chorus::bench
