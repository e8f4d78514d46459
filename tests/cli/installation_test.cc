#include "cli/installation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "cli/serve/serve_plan.h"
#include "cli/serve/socket_directory.h"
#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Installation, PrefersInstalledDataToTheSourceTree) {
  const TempDirectory temp;
  fs::create_directories(temp / "bin");
  const Installation installation(temp / "bin", temp / "source");
  const absl::Status absent = installation.Data("models/demo").status();
  EXPECT_TRUE(absl::IsNotFound(absent));
  EXPECT_THAT(std::string(absent.message()),
              AllOf(HasSubstr((temp / "share/chorus/models/demo").native()),
                    HasSubstr((temp / "source/models/demo").native())));
  fs::create_directories(temp / "source/models/demo");
  EXPECT_EQ(*installation.Data("models/demo"), temp / "source/models/demo");
  fs::create_directories(temp / "share/chorus/models/demo");
  EXPECT_EQ(*installation.Data("models/demo"), temp / "share/chorus/models/demo");
}

TEST(Installation, FindsProgramsBesideItself) {
  const TempDirectory temp;
  const Installation installation(temp / "bin", temp / "source");
  PutFile(temp / "bin/runner_server", "#!/bin/sh\n");
  EXPECT_TRUE(absl::IsNotFound(installation.Program("runner_server").status()));  // Not executable.
  fs::permissions(temp / "bin/runner_server", fs::perms{0755});
  EXPECT_EQ(*installation.Program("runner_server"), temp / "bin/runner_server");
  EXPECT_THAT(std::string(installation.Program("api_server").status().message()),
              AllOf(HasSubstr("api_server"), HasSubstr((temp / "bin").native())));
}

TEST(Installation, KnowsTheSourceTreeItWasBuiltFrom) {
  const absl::StatusOr<Installation> installation = Installation::Find();
  ASSERT_TRUE(installation.ok());
  EXPECT_TRUE(fs::equivalent(*installation->Data(kDemoModels), "models/demo"));
}

TEST(CreateSocketDirectory, IsInTmpdirWhereSocketsFitThere) {
  const TempDirectory temp;
  const struct {
    std::string tmpdir;
    fs::path parent;
  } kCases[] = {
      {temp.path(), temp.path()},
      {(temp / std::string(90, 'x')), "/tmp"},
      {(temp / "a b"), "/tmp"},
      {"relative", "/tmp"},
      {"", "/tmp"},
  };
  for (const auto& c : kCases) {
    if (!c.tmpdir.empty() && c.tmpdir[0] == '/') fs::create_directories(c.tmpdir);
    ::setenv("TMPDIR", c.tmpdir.c_str(), 1);
    const absl::StatusOr<store::ScratchDirectory> directory = CreateSocketDirectory();
    ASSERT_TRUE(directory.ok()) << directory.status();
    EXPECT_EQ(directory->path().parent_path(), c.parent) << c.tmpdir;
    EXPECT_TRUE(FitsSocketPath(directory->path()));
  }
  ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace chorus
