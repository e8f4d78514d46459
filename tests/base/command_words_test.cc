#include "base/command_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chorus {
namespace {

using ::testing::ElementsAreArray;

// A program with the verbs "run TEXT" and "models", which has "pull" and "delete".
class CommandWordsTest : public ::testing::Test {
 protected:
  CommandWordsTest() {
    app_.add_flag("--no-color");
    CLI::App* run = app_.add_subcommand("run");
    run->add_option("text", text_);
    run->add_option("--max_new_tokens", max_new_tokens_);
    run->add_option("-s,--stop", stop_)->allow_extra_args(false);
    run->add_flag("--ignore_eos", ignore_eos_);
    CLI::App* models = app_.add_subcommand("models");
    models->add_subcommand("pull");
    models->add_subcommand("delete");
  }

  CommandWords Read(std::vector<const char*> words) const {
    words.insert(words.begin(), "program");
    return ReadCommandWords(app_, static_cast<int>(words.size()), words.data());
  }

  CLI::App app_{"", "program"};
  std::string text_;
  int max_new_tokens_ = 0;
  std::vector<std::string> stop_;
  bool ignore_eos_ = false;
};

TEST_F(CommandWordsTest, SpellsFlagsAsTheyAreDeclared) {
  const struct {
    std::vector<const char*> words;
    std::vector<std::string> read;
  } kCases[] = {
      {{"run", "--max-new-tokens", "3"}, {"run", "--max_new_tokens", "3"}},
      {{"run", "--max-new_tokens=3"}, {"run", "--max_new_tokens=3"}},
      {{"run", "--ignore-eos", "x"}, {"run", "--ignore_eos", "x"}},
      {{"--no_color", "run"}, {"--no-color", "run"}},
      {{"run", "--stop="}, {"run", "--stop", ""}},
      // What is a flag's value, or after "--", is nobody's to change.
      {{"run", "--stop", "--ignore-eos"}, {"run", "--stop", "--ignore-eos"}},
      {{"run", "-s", "--ignore-eos"}, {"run", "-s", "--ignore-eos"}},
      {{"run", "--", "--ignore-eos"}, {"run", "--", "--ignore-eos"}},
      {{"run", "models"}, {"run", "models"}},
  };
  for (const auto& c : kCases) {
    const CommandWords command = Read(c.words);
    EXPECT_THAT(command.words, ElementsAreArray(c.read));
    EXPECT_EQ(command.mistake, "");
  }
}

TEST_F(CommandWordsTest, TellsTheVerbs) {
  EXPECT_EQ(Read({}).app, &app_);
  const CommandWords command = Read({"models", "pull"});
  EXPECT_THAT(command.verbs, ElementsAreArray({"models", "pull"}));
  EXPECT_EQ(command.app->get_name(), "pull");
}

TEST_F(CommandWordsTest, NamesTheNearOneOfWhatIsNotKnown) {
  const struct {
    std::vector<const char*> words;
    const char* mistake;
  } kCases[] = {
      {{"rum"}, "there is no verb \"rum\"; did you mean run?"},
      {{"model"}, "there is no verb \"model\"; did you mean models?"},
      {{"pull"}, "there is no verb \"pull\"; did you mean models pull?"},
      {{"models", "delte"}, "there is no verb \"models delte\"; did you mean models delete?"},
      {{"dance"}, "there is no verb \"dance\""},
      {{"run", "--max-new-token", "3"},
       "there is no flag --max-new-token; did you mean --max_new_tokens?"},
      {{"run", "--colour=red", "--stopp"}, "there is no flag --colour"},
      {{"run", "-x"}, "there is no flag -x"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Read(c.words).mistake, c.mistake);
}

TEST_F(CommandWordsTest, TellsNoVerbsAfterAMistake) {
  for (const char* mistake : {"model", "--colour"}) {
    for (const char* next : {"run", "models"}) {
      const CommandWords command = Read({mistake, next, "pull"});
      EXPECT_THAT(command.verbs, ::testing::IsEmpty());
      EXPECT_EQ(command.app, &app_);
    }
  }
  EXPECT_THAT(Read({"models", "delte", "pull"}).verbs, ElementsAreArray({"models"}));
}

TEST_F(CommandWordsTest, AreParsed) {
  ParseWords(app_, Read({"run", "--max-new-tokens=3", "--stop", "--a-b", "--stop=", "--ignore-eos",
                         "--", "--text"}));
  EXPECT_EQ(text_, "--text");
  EXPECT_EQ(max_new_tokens_, 3);
  EXPECT_THAT(stop_, ElementsAreArray({"--a-b", ""}));
  EXPECT_TRUE(ignore_eos_);
}

}  // namespace
}  // namespace chorus
