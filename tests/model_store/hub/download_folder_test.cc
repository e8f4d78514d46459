#include "model_store/hub/download_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>

#include "tests/model_store/temp_directory.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

class DownloadFolderTest : public ::testing::Test {
 protected:
  absl::StatusOr<DownloadFolder> Open(const std::string& name) {
    return DownloadFolder::Open(temp_ / "models", name, stop_.get_token(), [this] {
      ++num_waits_;
      if (on_wait_) on_wait_();
    });
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

TEST_F(DownloadFolderTest, AProcessThatDiesLetsGo) {
  const pid_t child = fork();
  if (child == 0) {
    const auto folder = Open("x");
    _exit(folder.ok() ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
  EXPECT_TRUE(Open("x").ok());
  EXPECT_EQ(num_waits_, 0);
}

TEST_F(DownloadFolderTest, RemovesWhatNobodyWantedForAWeek) {
  const fs::path pulls = temp_ / "models/.pull";
  const auto age = [](const fs::path& path, int days) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(24 * days));
  };
  const auto used = Open("used");
  for (const char* name : {"old", "young", "used"}) {
    PutFile(pulls / name / "f", "part");
    age(pulls / name / "f", 8);
    age(pulls / name, 8);
  }
  age(pulls / "young/f", 6);
  EXPECT_TRUE(Open("new").ok());
  EXPECT_FALSE(fs::exists(pulls / "old"));
  EXPECT_TRUE(fs::exists(pulls / "young/f"));
  EXPECT_TRUE(fs::exists(pulls / "used/f"));
}

TEST_F(DownloadFolderTest, SaysThatItCannotBeMade) {
  PutFile(temp_ / "models", "a file");
  EXPECT_FALSE(Open("x").ok());
}

}  // namespace
}  // namespace chorus
