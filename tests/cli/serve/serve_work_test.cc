#include "cli/serve/serve_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FindWorkTest : public ::testing::Test {
 protected:
  FindWorkTest() {
    ::setenv("CHORUS_HOME", home_.path().c_str(), 1);
    options_.models = {"gpt2-generation=./models/demo/gpt2",
                       "distilgpt2-generation=./models/demo/distilgpt2",
                       "gpt2-medium-generation=./models/demo/gpt2-medium",
                       "bert-base-uncased-classification=./models/demo/bert-sst2"};
    options_.also = {"mine=./models/demo/bert-sst2"};
  }

  absl::StatusOr<ServeWork> Find(const std::vector<std::string>& only) {
    options_.only = only;
    return FindWork(options_, Installation(home_.path(), "."));
  }

  const TempDirectory home_;
  ServeOptions options_;
};

std::vector<std::string> Names(const absl::StatusOr<ServeWork>& work) {
  std::vector<std::string> names;
  if (!work.ok()) return {work.status().ToString()};
  for (const RunnerSpec& runner : work->runners) names.push_back(runner.name);
  return names;
}

TEST_F(FindWorkTest, OnlyTakesTheGraphsRunnersAndFurtherModels) {
  EXPECT_EQ(Names(Find({})).size(), 5u);
  EXPECT_FALSE(Find({})->graph_file.empty());
  EXPECT_THAT(Names(Find({"gpt2-generation"})), ElementsAre("gpt2-generation", "mine"));
  EXPECT_THAT(Names(Find({"mine"})), ElementsAre("mine"));
  EXPECT_TRUE(Find({"mine"})->graph_file.empty());
  const absl::Status status = Find({"minf"}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("--only names a runner that there is not: minf; did you mean mine?"));
}

}  // namespace
}  // namespace chorus
