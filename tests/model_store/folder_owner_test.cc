#include "model_store/folder_owner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "absl/time/clock.h"
#include "tests/base/temp_directory.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

// What `make` returns in a process of its own, which ends when `hold` is closed.
class OtherProcess {
 public:
  OtherProcess() {
    EXPECT_EQ(pipe(name_) + pipe(hold_), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(hold_[1]);
      const std::string name = NameOwnedFolder("run-");
      (void)!write(name_[1], name.data(), name.size());
      char byte;
      (void)!read(hold_[0], &byte, 1);
      _exit(0);
    }
    close(hold_[0]);
    char buffer[256];
    const ssize_t n = read(name_[0], buffer, sizeof(buffer));
    name = std::string(buffer, n > 0 ? static_cast<size_t>(n) : 0);
  }
  ~OtherProcess() {
    End();
    close(name_[0]);
    close(name_[1]);
  }

  // Leaves a zombie.
  void Kill() const {
    kill(pid_, SIGKILL);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void End() {
    if (pid_ < 0) return;
    close(hold_[1]);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  std::string name;

 private:
  int name_[2], hold_[2];
  pid_t pid_;
};

// The name with its part number `index` replaced: digits, machine, pid, start.
std::string With(const std::string& name, int index, const std::string& part) {
  size_t begin = std::string("run-").size();
  for (int i = 0; i < index; ++i) begin = name.find('-', begin) + 1;
  const size_t end = name.find('-', begin);
  return name.substr(0, begin) + part + (end == std::string::npos ? "" : name.substr(end));
}

TEST(FolderOwner, IsAliveUntilItsProcessEnds) {
  EXPECT_EQ(OwnerOf(NameOwnedFolder("run-"), "run-"), FolderOwner::kAlive);
  OtherProcess other;
  ASSERT_TRUE(IsOwnedFolderName(other.name, "run-")) << other.name;
  EXPECT_EQ(OwnerOf(other.name, "run-"), FolderOwner::kAlive);
  other.Kill();
  EXPECT_EQ(OwnerOf(other.name, "run-"), FolderOwner::kGone);
  other.End();
  EXPECT_EQ(OwnerOf(other.name, "run-"), FolderOwner::kGone);
}

TEST(FolderOwner, IsNotALaterProcessOfTheSamePid) {
  EXPECT_EQ(OwnerOf(With(NameOwnedFolder("run-"), 3, "12"), "run-"), FolderOwner::kGone);
}

TEST(FolderOwner, CannotBeAskedFromAnotherMachine) {
  const std::string own = NameOwnedFolder("run-");
  EXPECT_EQ(OwnerOf(With(own, 1, "00000000"), "run-"), FolderOwner::kElsewhere);
  EXPECT_EQ(OwnerOf("run-01234567", "run-"), FolderOwner::kElsewhere);
}

TEST(FolderOwner, TellsItsNamesFromOthers) {
  EXPECT_NE(NameOwnedFolder("run-"), NameOwnedFolder("run-"));
  EXPECT_TRUE(IsOwnedFolderName("run-0123abcd", "run-"));
  for (const char* name : {"", "run-", "run-notes", "run-0123abcde", "run-0123abc", "run-0123abcx",
                           "other-0123abcd", "run-0123abcd-", "run-0123abcd-1-2",
                           "run-0123abcd-1-2-x", "run-0123abcd-1-2-3-4", "run-0123abcd-1--3"}) {
    EXPECT_FALSE(IsOwnedFolderName(name, "run-")) << name;
  }
}

TEST(FolderOwner, WhatCannotBeAskedIsAbandonedWhenNothingInItChanges) {
  const TempDirectory temp;
  const fs::path elsewhere = temp / With(NameOwnedFolder("run-"), 1, "00000000");
  PutFile(elsewhere / "below/file", "x");
  const fs::path own = temp / NameOwnedFolder("run-");
  fs::create_directory(own);
  const auto age = [](const fs::path& path, int hours) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  for (const fs::path& path : {elsewhere / "below", elsewhere, own}) age(path, 30);
  EXPECT_GT(LastChange(elsewhere), absl::Now() - absl::Hours(1));
  EXPECT_FALSE(IsAbandoned(elsewhere, "run-", absl::Hours(24)));
  age(elsewhere / "below/file", 30);
  EXPECT_TRUE(IsAbandoned(elsewhere, "run-", absl::Hours(24)));
  EXPECT_FALSE(IsAbandoned(elsewhere, "run-", absl::Hours(48)));
  EXPECT_FALSE(IsAbandoned(elsewhere, "run-", absl::InfiniteDuration()));
  EXPECT_FALSE(IsAbandoned(own, "run-", absl::Hours(24)));
}

}  // namespace
}  // namespace chorus::store
