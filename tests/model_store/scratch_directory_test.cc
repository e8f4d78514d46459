#include "model_store/scratch_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <utility>

#include "tests/base/temp_directory.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

// Two days.
void Age(const fs::path& path) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(48));
}

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
  PutFile(temp / "run-89abcdef/young", "x");
  Age(temp / "run-0123abcd/leftover");
  Age(temp / "run-0123abcd");
  Age(used->path());
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
  EXPECT_TRUE(fs::exists(temp / "run-89abcdef/young"));
}

TEST(ScratchDirectory, SweepDoesNotFollowLinks) {
  const TempDirectory temp;
  PutFile(temp / "precious/file", "x");
  Age(temp / "precious/file");
  Age(temp / "precious");
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

TEST(ScratchDirectory, SweepLeavesWhatALivingProcessHas) {
  const TempDirectory temp;
  int ready[2], hold[2];
  ASSERT_EQ(pipe(ready) + pipe(hold), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(hold[1]);
    const auto scratch = ScratchDirectory::Create(temp.path(), "run-");
    (void)!write(ready[1], "x", 1);
    char byte;
    (void)!read(hold[0], &byte, 1);
    _exit(0);
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_FALSE(fs::is_empty(temp.path()));
  Age(fs::directory_iterator(temp.path())->path());
  EXPECT_EQ(ScratchDirectory::SweepStale(temp.path(), "run-"), 0);
  close(hold[1]);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(ScratchDirectory::SweepStale(temp.path(), "run-"), 1);
  for (const int fd : {ready[0], ready[1], hold[0]}) close(fd);
}

TEST(ScratchDirectory, NeedsItsParent) {
  const TempDirectory temp;
  EXPECT_TRUE(absl::IsNotFound(ScratchDirectory::Create(temp / "absent", "run-").status()));
  EXPECT_EQ(ScratchDirectory::SweepStale(temp / "absent", "run-"), 0);
}

}  // namespace
}  // namespace chorus::store
