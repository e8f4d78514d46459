#include "model_store/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/base/temp_directory.h"

namespace {
bool knows_flags = true;
}  // namespace

// In the place of the C library's: as a file system is that knows no flags, when `knows_flags` is
// false.
extern "C" int renameat2(int from_fd, const char* from, int to_fd, const char* to,
                         unsigned int flags) noexcept {
  if (flags != 0 && !knows_flags) {
    errno = EINVAL;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_renameat2, from_fd, from, to_fd, to, flags));
}

namespace chorus::store {
namespace {

using ::testing::HasSubstr;

FileSystem& Disk() { return FileSystem::Real(); }

TEST(FileSystem, CopiesAndDigests) {
  const TempDirectory temp;
  const std::string contents = std::string(3 << 20, 'x') + "end";
  PutFile(temp / "from", contents);
  const absl::StatusOr<FileDigest> copied = Disk().CopyFile(temp / "from", temp / "to");
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(GetFile(temp / "to"), contents);
  EXPECT_EQ(copied->size_bytes, static_cast<int64_t>(contents.size()));
  EXPECT_EQ(copied->sha256, DigestFile(temp / "from")->sha256);
}

TEST(FileSystem, NeverOverwrites) {
  const TempDirectory temp;
  PutFile(temp / "old", "old");
  PutFile(temp / "new", "new");
  EXPECT_TRUE(absl::IsAlreadyExists(Disk().CopyFile(temp / "new", temp / "old").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Disk().WriteFile(temp / "old", "new")));
  EXPECT_TRUE(
      absl::IsAlreadyExists(Disk().Rename(temp / "new", temp / "old", RenameMode::kNoReplace)));
  EXPECT_EQ(GetFile(temp / "old"), "old");
}

TEST(FileSystem, RefusesWhatIsNoRegularFileWithoutWaitingForIt) {
  const TempDirectory temp;
  ASSERT_EQ(mkfifo((temp / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(Disk().CopyFile(temp / "fifo", temp / "to").status()));
}

class RenameTest : public ::testing::TestWithParam<bool> {
 protected:
  RenameTest() { knows_flags = GetParam(); }
  ~RenameTest() override { knows_flags = true; }
};

INSTANTIATE_TEST_SUITE_P(FileSystemKnowsFlags, RenameTest, ::testing::Bool());

TEST_P(RenameTest, WorksInEachMode) {
  const TempDirectory temp;
  PutFile(temp / "a/file", "a");
  PutFile(temp / "b/file", "b");
  ASSERT_TRUE(Disk().Rename(temp / "a", temp / "b", RenameMode::kExchange).ok());
  EXPECT_EQ(GetFile(temp / "a/file"), "b");
  EXPECT_EQ(GetFile(temp / "b/file"), "a");
  EXPECT_TRUE(absl::IsAlreadyExists(Disk().Rename(temp / "a", temp / "b", RenameMode::kNoReplace)));
  ASSERT_TRUE(Disk().Rename(temp / "a", temp / "c", RenameMode::kNoReplace).ok());
  EXPECT_EQ(GetFile(temp / "c/file"), "b");
  ASSERT_TRUE(Disk().Rename(temp / "b/file", temp / "c/file", RenameMode::kReplace).ok());
  EXPECT_EQ(GetFile(temp / "c/file"), "a");
  EXPECT_TRUE(absl::IsNotFound(Disk().Rename(temp / "x", temp / "c", RenameMode::kExchange)));
  EXPECT_EQ(GetFile(temp / "c/file"), "a");
  EXPECT_TRUE(absl::IsNotFound(Disk().Rename(temp / "c", temp / "x", RenameMode::kExchange)));
  EXPECT_EQ(GetFile(temp / "c/file"), "a");
}

TEST(FileSystem, CreateDirectoryTakesOneThatIsThere) {
  const TempDirectory temp;
  EXPECT_TRUE(Disk().CreateDirectory(temp / "folder").ok());
  EXPECT_TRUE(Disk().CreateDirectory(temp / "folder").ok());
  PutFile(temp / "file", "");
  EXPECT_TRUE(absl::IsAlreadyExists(Disk().CreateDirectory(temp / "file")));
  EXPECT_FALSE(Disk().CreateDirectory(temp / "file/folder").ok());
}

// The kernel refuses the write half-way, as it does on a full disk.
TEST(FileSystem, ReportsAWriteThatFails) {
  const TempDirectory temp;
  PutFile(temp / "from", std::string(3 << 20, 'x'));
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status status = Disk().CopyFile(temp / "from", temp / "to").status();
    const bool named = status.message().find((temp / "to").native()) != absl::string_view::npos;
    _exit(!status.ok() && named ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace chorus::store
