#include "model_store/hub/download_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>

#include "tests/base/temp_directory.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

class DownloadFolderTest : public ::testing::Test, protected PullObserver {
 protected:
  absl::StatusOr<DownloadFolder> Open(const std::string& name) {
    return DownloadFolder::Open(temp_ / "models", name, *this, stop_.get_token());
  }
  void OnWait() override {
    ++num_waits_;
    if (on_wait_) on_wait_();
  }

  // Opens "x" in another process, puts `contents` into its file f, and dies.
  void Die(const std::string& contents) {
    const pid_t child = fork();
    if (child == 0) {
      const auto folder = Open("x");
      if (folder.ok()) PutFile(folder->path() / "f", contents);
      _exit(folder.ok() ? 0 : 1);
    }
    int result = 0;
    ASSERT_EQ(waitpid(child, &result, 0), child);
    EXPECT_EQ(result, 0);
  }

  // A part of "x" of a process of another machine.
  fs::path Elsewhere(const std::string& digits, const std::string& contents) {
    const fs::path part = temp_ / ("models/.pull/x/part-" + digits + "-00000000-17-4");
    PutFile(part / "f", contents);
    return part;
  }

  static void Age(const fs::path& path, int days) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(24 * days));
  }

  const TempDirectory temp_;
  std::stop_source stop_;
  int num_waits_ = 0;
  std::function<void()> on_wait_;
};

TEST_F(DownloadFolderTest, KeepsWhatIsThereUntilItIsRemoved) {
  {
    const auto folder = Open("a--b@c");
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_GT(*folder->FreeBytes(), 0);
    PutFile(folder->path() / "f", "part");
  }
  auto folder = Open("a--b@c");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(GetFile(folder->path() / "f"), "part");
  folder->Remove();
  EXPECT_FALSE(fs::exists(folder->path()));
  EXPECT_EQ(num_waits_, 0);
}

TEST_F(DownloadFolderTest, WaitsForTheOneThatHasIt) {
  std::optional<DownloadFolder> first(*Open("x"));
  on_wait_ = [&] {
    first->Remove();
    first.reset();
  };
  const auto second = Open("x");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(fs::exists(second->path()));
  EXPECT_EQ(num_waits_, 1);
  EXPECT_TRUE(Open("y").ok());
  EXPECT_EQ(num_waits_, 1);
}

TEST_F(DownloadFolderTest, AStopEndsTheWait) {
  const auto first = Open("x");
  on_wait_ = [&] { stop_.request_stop(); };
  EXPECT_TRUE(absl::IsCancelled(Open("x").status()));
}

TEST_F(DownloadFolderTest, TakesOverWhatDeadProcessesLeft) {
  Die("part");
  auto folder = Open("x");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(num_waits_, 0);
  EXPECT_EQ(GetFile(folder->path() / "f"), "part");
  folder->Remove();
  EXPECT_TRUE(fs::is_empty(temp_ / "models/.pull"));
}

TEST_F(DownloadFolderTest, TakesTheFullestOfWhatWasLeftAndRemovesTheRest) {
  const fs::path pull = temp_ / "models/.pull/x";
  for (const char* rest : {"rest-00000001", "rest-00000003", "rest-00000002"}) {
    PutFile(pull / rest / "f", std::string(static_cast<size_t>(rest[12] - '0'), 'x'));
  }
  const auto folder = Open("x");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(GetFile(folder->path() / "f"), "xxx");
  EXPECT_EQ(std::distance(fs::directory_iterator(pull), {}), 2);  // It, and the lock.
}

TEST_F(DownloadFolderTest, CopiesWhatCannotBeAskedAndLeavesItToItsProcess) {
  const fs::path less = Elsewhere("00000001", "pa");
  const fs::path more = Elsewhere("00000002", "part");
  Age(less / "f", 2);
  Age(less, 2);
  const auto folder = Open("x");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(GetFile(folder->path() / "f"), "part");
  PutFile(folder->path() / "f", "another inode");
  EXPECT_EQ(GetFile(more / "f"), "part");
  EXPECT_FALSE(fs::exists(less));  // Silent for a day.
}

TEST_F(DownloadFolderTest, RemovesItsOwnFilesOnly) {
  const fs::path other = Elsewhere("00000001", "part");
  auto folder = Open("x");
  ASSERT_TRUE(folder.ok());
  const fs::path own = folder->path();
  folder->Remove();
  EXPECT_FALSE(fs::exists(own));
  EXPECT_EQ(GetFile(other / "f"), "part");
}

TEST_F(DownloadFolderTest, RemovesWhatNobodyWantedForAWeek) {
  const fs::path pulls = temp_ / "models/.pull";
  const auto used = Open("used");
  for (const char* name : {"old", "young", "used"}) {
    PutFile(pulls / name / "rest-00000001/f", "part");
    Age(pulls / name / "rest-00000001/f", 8);
    Age(pulls / name / "rest-00000001", 8);
    Age(pulls / name, 8);
  }
  for (const auto& entry : fs::directory_iterator(pulls / "used")) Age(entry.path(), 8);
  Age(pulls / "used", 8);
  Age(pulls / "young/rest-00000001/f", 6);
  EXPECT_TRUE(Open("new").ok());
  EXPECT_FALSE(fs::exists(pulls / "old"));
  EXPECT_TRUE(fs::exists(pulls / "young/rest-00000001/f"));
  EXPECT_TRUE(fs::exists(used->path()));
}

TEST_F(DownloadFolderTest, SaysThatItCannotBeMade) {
  PutFile(temp_ / "models", "a file");
  EXPECT_FALSE(Open("x").ok());
}

}  // namespace
}  // namespace chorus::store
