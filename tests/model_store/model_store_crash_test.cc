// Stops a save at each of its steps, in the two ways a step can stop: with an error, and with the
// end of the process; and lets savers race.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "model_store/model_store.h"
#include "tests/base/temp_directory.h"
#include "tests/model_store/failing_file_system.h"
#include "tests/model_store/set_labels.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class ModelStoreCrashTest : public ::testing::Test {
 protected:
  ModelStoreCrashTest() {
    PutFile(temp_ / "old/config.json", R"({"architectures": ["GPT2LMHeadModel"]})");
    PutFile(temp_ / "old/model.safetensors", "old weights");
    PutFile(temp_ / "new/config.json", R"({"architectures": ["GPT2LMHeadModel"]})");
    PutFile(temp_ / "new/model.safetensors", "new weights");
  }

  // A store whose gpt2:v1 is the old model.
  fs::path OldHome(const std::string& name) {
    EXPECT_TRUE(ModelStore(temp_ / name).Save({"gpt2", "v1"}, temp_ / "old").ok());
    return temp_ / name;
  }

  // Every tag is whole and holds one of the two models; gpt2:v1 and latest are there.
  void ExpectWhole(const fs::path& home) {
    const ModelStore store(home);
    const ModelList list = store.List();
    EXPECT_TRUE(list.problems.empty()) << list.problems[0];
    for (const Manifest& manifest : list.models) {
      EXPECT_TRUE(store.Verify(manifest.tag).ok()) << store.Verify(manifest.tag);
      EXPECT_THAT(GetFile(store.Directory(manifest.tag) / "model.safetensors"),
                  AnyOf("old weights", "new weights"));
    }
    EXPECT_TRUE(store.Resolve("gpt2:v1").ok()) << store.Resolve("gpt2:v1").status();
    EXPECT_TRUE(store.Resolve("gpt2").ok()) << store.Resolve("gpt2").status();
  }

  const TempDirectory temp_;
};

struct Save {
  const char* name;
  Tag tag;
  bool replace;
};
const Save kSaves[] = {{"replace", {"gpt2", "v1"}, true}, {"add", {"gpt2", "v2"}, false}};

TEST_F(ModelStoreCrashTest, AnErrorAtAnyStepLeavesTheOldModelAndNothingElse) {
  for (const Save& save : kSaves) {
    for (int fail_at = 0;; ++fail_at) {
      ASSERT_LT(fail_at, 100);
      const fs::path home = OldHome(save.name + std::to_string(fail_at));
      FailingFileSystem disk(fail_at, ENOSPC);
      ModelStore store(home, disk);
      const absl::Status status =
          store.Save(save.tag, temp_ / "new", {.replace = save.replace}).status();
      if (!disk.failed()) {
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_GT(fail_at, 8);
        break;
      }
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << fail_at << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("free some space"));
      ExpectWhole(home);
      EXPECT_TRUE(fs::is_empty(home / "models/.tmp")) << fail_at;
    }
  }
}

TEST_F(ModelStoreCrashTest, DeathAtAnyStepLeavesTheOldModelOrTheNew) {
  for (const Save& save : kSaves) {
    for (int fail_at = 0;; ++fail_at) {
      ASSERT_LT(fail_at, 100);
      const fs::path home = OldHome(save.name + std::to_string(fail_at));
      const pid_t child = fork();
      if (child == 0) {
        FailingFileSystem disk(fail_at, 0);
        ModelStore store(home, disk);
        _exit(store.Save(save.tag, temp_ / "new", {.replace = save.replace}).ok() ? 0 : 1);
      }
      int result = 0;
      ASSERT_EQ(waitpid(child, &result, 0), child);
      ASSERT_TRUE(WIFEXITED(result));
      ExpectWhole(home);
      if (WEXITSTATUS(result) == 0) break;  // It got past the last step.
      ASSERT_EQ(WEXITSTATUS(result), 9);

      // The next save goes through and sweeps what the dead one left.
      ASSERT_TRUE(ModelStore(home).Save(save.tag, temp_ / "new", {.replace = true}).ok());
      EXPECT_EQ(GetFile(ModelStore(home).Directory(save.tag) / "model.safetensors"), "new weights");
      EXPECT_TRUE(fs::is_empty(home / "models/.tmp")) << fail_at;
    }
  }
}

TEST_F(ModelStoreCrashTest, AnAdoptionThatStopsLeavesNothingOrAll) {
  const std::vector<ManifestFile> files = {
      {"config.json", 38, DigestFile(temp_ / "new/config.json")->sha256},
      {"model.safetensors", 11, DigestFile(temp_ / "new/model.safetensors")->sha256}};
  for (const int error : {0, ENOSPC}) {
    for (int fail_at = 0;; ++fail_at) {
      ASSERT_LT(fail_at, 100);
      const fs::path home = OldHome(std::to_string(error) + "-" + std::to_string(fail_at));
      fs::remove_all(home / "pulled");
      fs::copy(temp_ / "new", home / "pulled");
      const pid_t child = fork();
      if (child == 0) {
        FailingFileSystem disk(fail_at, error);
        ModelStore store(home, disk);
        const bool ok = store.Adopt({.tag = {"gpt2", "v2"}, .files = files}, home / "pulled").ok();
        _exit(disk.failed() ? 9 : ok ? 0 : 1);
      }
      int result = 0;
      ASSERT_EQ(waitpid(child, &result, 0), child);
      ExpectWhole(home);
      if (WEXITSTATUS(result) == 0) break;
      ASSERT_EQ(WEXITSTATUS(result), 9);
    }
  }
}

TEST_F(ModelStoreCrashTest, AChangeOfLabelsThatStopsLeavesTheOldOnesOrTheNew) {
  for (const int error : {0, ENOSPC}) {
    for (int fail_at = 0;; ++fail_at) {
      ASSERT_LT(fail_at, 100);
      const fs::path home = OldHome(std::to_string(error) + "-" + std::to_string(fail_at));
      ModelStore old(home);
      ASSERT_TRUE(SetLabels(old, {"gpt2", "v1"}, {{"stage", "old"}}).ok());
      const pid_t child = fork();
      if (child == 0) {
        FailingFileSystem disk(fail_at, error);
        ModelStore store(home, disk);
        const bool ok = SetLabels(store, {"gpt2", "v1"}, {{"stage", "new"}}).ok();
        _exit(disk.failed() ? 9 : ok ? 0 : 1);
      }
      int result = 0;
      ASSERT_EQ(waitpid(child, &result, 0), child);
      ExpectWhole(home);
      EXPECT_THAT(ModelStore(home).Get({"gpt2", "v1"})->labels["stage"], AnyOf("old", "new"));
      if (WEXITSTATUS(result) == 0) break;
      ASSERT_EQ(WEXITSTATUS(result), 9);
    }
  }
}

TEST_F(ModelStoreCrashTest, ExplainsAReadOnlyFileSystem) {
  FailingFileSystem disk(0, EROFS);
  const absl::Status status =
      ModelStore(temp_ / "home", disk).Save({"gpt2", "v1"}, temp_ / "new").status();
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("Read-only file system"), HasSubstr("CHORUS_HOME")));
}

TEST_F(ModelStoreCrashTest, OfRacingSaversExactlyOneWins) {
  constexpr int kSavers = 8;
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kSavers; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      close(gate[1]);
      char byte;
      if (read(gate[0], &byte, 1) != 0) _exit(3);  // Until the parent closes its end.
      const absl::Status status =
          ModelStore(temp_ / "home").Save({"gpt2", "v1"}, temp_ / "new").status();
      _exit(status.ok() ? 0 : absl::IsAlreadyExists(status) ? 1 : 2);
    }
    children.push_back(child);
  }
  close(gate[0]);
  close(gate[1]);
  int num_won = 0;
  for (const pid_t child : children) {
    int result = 0;
    ASSERT_EQ(waitpid(child, &result, 0), child);
    ASSERT_THAT(WEXITSTATUS(result), AnyOf(0, 1));
    num_won += WEXITSTATUS(result) == 0;
  }
  EXPECT_EQ(num_won, 1);
  ExpectWhole(temp_ / "home");
  EXPECT_TRUE(fs::is_empty(temp_ / "home/models/.tmp"));
}

TEST_F(ModelStoreCrashTest, RacingReplacersLeaveAWholeModel) {
  const fs::path home = OldHome("home");
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      const fs::path from = temp_ / (i % 2 == 0 ? "old" : "new");
      _exit(ModelStore(home).Save({"gpt2", "v1"}, from, {.replace = true}).ok() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int result = 0;
    ASSERT_EQ(waitpid(child, &result, 0), child);
    EXPECT_EQ(result, 0);
  }
  ExpectWhole(home);
  EXPECT_TRUE(fs::is_empty(home / "models/.tmp"));
}

}  // namespace
}  // namespace chorus::store
