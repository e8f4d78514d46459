#include "model_store/scratch_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "tests/model_store/temp_directory.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

TEST(ScratchDirectory, IsPrivateAndGoesWithTheObject) {
  const TempDirectory temp;
  fs::path path;
  {
    absl::StatusOr<ScratchDirectory> scratch = ScratchDirectory::Create(temp.path(), "run-");
    ASSERT_TRUE(scratch.ok()) << scratch.status();
    path = scratch->path();
    EXPECT_TRUE(path.filename().native().starts_with("run-"));
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    PutFile(path / "below/file", "x");
    const ScratchDirectory moved = *std::move(scratch);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(ScratchDirectory, SweepLeavesThoseInUse) {
  const TempDirectory temp;
  const absl::StatusOr<ScratchDirectory> used = ScratchDirectory::Create(temp.path(), "run-");
  ASSERT_TRUE(used.ok());
  PutFile(temp / "run-0123abcd/leftover", "x");
  PutFile(temp / "other/file", "x");
  PutFile(temp / "run-01234567", "a file");
  for (const char* name : {"run-", "run-notes", "run-0123abcde", "run-0123abc", "run-0123abcx"}) {
    PutFile(temp / name / "file", "a folder of the user's");
  }
  EXPECT_EQ(ScratchDirectory::SweepStale(temp.path(), "run-"), 1);
  EXPECT_TRUE(fs::exists(used->path()));
  EXPECT_TRUE(fs::exists(temp / "other/file"));
  EXPECT_TRUE(fs::exists(temp / "run-01234567"));
  for (const char* name : {"run-", "run-notes", "run-0123abcde", "run-0123abc", "run-0123abcx"}) {
    EXPECT_TRUE(fs::exists(temp / name / "file")) << name;
  }
  EXPECT_FALSE(fs::exists(temp / "run-0123abcd"));
}

TEST(ScratchDirectory, SweepDoesNotFollowLinks) {
  const TempDirectory temp;
  PutFile(temp / "precious/file", "x");
  fs::create_directory_symlink(temp / "precious", temp / "run-89abcdef");
  EXPECT_EQ(ScratchDirectory::SweepStale(temp.path(), "run-"), 0);
  EXPECT_TRUE(fs::exists(temp / "precious/file"));
}

TEST(ScratchDirectory, SweepFindsWhatADeadProcessLeft) {
  const TempDirectory temp;
  const pid_t child = fork();
  if (child == 0) {
    const auto scratch = ScratchDirectory::Create(temp.path(), "run-");
    _exit(scratch.ok() ? 0 : 1);  // Without running the destructor.
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  ASSERT_EQ(result, 0);
  ASSERT_FALSE(fs::is_empty(temp.path()));
  EXPECT_EQ(ScratchDirectory::SweepStale(temp.path(), "run-"), 1);
  EXPECT_TRUE(fs::is_empty(temp.path()));
}

TEST(ScratchDirectory, NeedsItsParent) {
  const TempDirectory temp;
  EXPECT_TRUE(absl::IsNotFound(ScratchDirectory::Create(temp / "absent", "run-").status()));
  EXPECT_EQ(ScratchDirectory::SweepStale(temp / "absent", "run-"), 0);
}

}  // namespace
}  // namespace chorus
