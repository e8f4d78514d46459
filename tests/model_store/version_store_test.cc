#include "model_store/version_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "tests/base/temp_directory.h"
#include "tests/model_store/failing_file_system.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Tag kLatest = {"x", "latest"};

class VersionStoreTest : public ::testing::Test {
 protected:
  static absl::Status SaveInto(VersionStore& store, const Tag& tag) {
    return store.Save(tag, {}, [&](const fs::path& staged) {
      fs::create_directory(staged);
      PutFile(staged / "file", tag.version);
      return absl::OkStatus();
    });
  }
  VersionStore Store(const std::string& name = "store") {
    return VersionStore(temp_ / name, "thing", FileSystem::Real());
  }
  // Makes the version the one written last by an hour.
  void Age(const VersionStore& store, const Tag& tag, int hours) {
    fs::last_write_time(store.Directory(tag),
                        fs::file_time_type::clock::now() - std::chrono::hours(hours));
  }

  const TempDirectory temp_;
};

TEST_F(VersionStoreTest, SavesListsAndFinds) {
  VersionStore store = Store();
  EXPECT_THAT(store.List(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(store.Find(kLatest).status()));
  ASSERT_TRUE(SaveInto(store, {"x", "1"}).ok());
  ASSERT_TRUE(SaveInto(store, {"x", "2"}).ok());
  ASSERT_TRUE(SaveInto(store, {"a", "1"}).ok());
  EXPECT_THAT(store.List(), ElementsAre(Tag{"a", "1"}, Tag{"x", "1"}, Tag{"x", "2"}));
  EXPECT_EQ(*store.Find(kLatest), (Tag{"x", "2"}));
  EXPECT_EQ(GetFile(store.Directory({"x", "1"}) / "file"), "1");
}

TEST_F(VersionStoreTest, AFailedStageLeavesNothing) {
  VersionStore store = Store();
  const absl::Status status = store.Save({"x", "1"}, {}, [](const fs::path& staged) {
    fs::create_directory(staged);
    return absl::DataLossError("lost");
  });
  EXPECT_EQ(status, absl::DataLossError("lost"));
  EXPECT_THAT(store.List(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(temp_ / "store/.tmp"));
}

TEST_F(VersionStoreTest, CallsVersionsByTheirNoun) {
  VersionStore store = Store();
  EXPECT_THAT(std::string(store.Find({"x", "1"}).status().message()),
              HasSubstr("no thing x:1 in "));
  EXPECT_THAT(std::string(SaveInto(store, kLatest).message()),
              HasSubstr("a thing is saved under a version of its own"));
}

TEST_F(VersionStoreTest, LatestMovesToTheNewestOfThoseLeft) {
  VersionStore store = Store();
  for (const char* version : {"1", "2", "3", "4"}) {
    ASSERT_TRUE(SaveInto(store, {"x", version}).ok());
  }
  Age(store, {"x", "1"}, 3);
  Age(store, {"x", "2"}, 1);
  Age(store, {"x", "3"}, 2);
  ASSERT_TRUE(store.Delete({"x", "1"}).ok());
  EXPECT_EQ(*store.Find(kLatest), (Tag{"x", "4"}));  // It was not the latest.
  ASSERT_TRUE(store.Delete(kLatest).ok());
  EXPECT_EQ(*store.Find(kLatest), (Tag{"x", "2"}));
  EXPECT_THAT(store.List(), ElementsAre(Tag{"x", "2"}, Tag{"x", "3"}));
}

TEST_F(VersionStoreTest, TheLastVersionGoesWithItsName) {
  VersionStore store = Store();
  ASSERT_TRUE(SaveInto(store, {"x", "1"}).ok());
  ASSERT_TRUE(store.Delete({"x", "1"}).ok());
  EXPECT_FALSE(fs::exists(temp_ / "store/x"));
  EXPECT_TRUE(fs::is_empty(temp_ / "store/.tmp"));
  EXPECT_TRUE(absl::IsNotFound(store.Delete({"x", "1"})));
  EXPECT_TRUE(absl::IsNotFound(store.Delete(kLatest)));
}

TEST_F(VersionStoreTest, ADeleteThatStopsAtAnyStepLeavesTheVersionWholeOrGone) {
  for (int fail_at = 0;; ++fail_at) {
    ASSERT_LT(fail_at, 100);
    const fs::path root = temp_ / std::to_string(fail_at);
    VersionStore store(root, "thing", FileSystem::Real());
    ASSERT_TRUE(SaveInto(store, {"x", "1"}).ok());
    ASSERT_TRUE(SaveInto(store, {"x", "2"}).ok());
    const pid_t child = fork();
    if (child == 0) {
      FailingFileSystem disk(fail_at, 0);
      _exit(VersionStore(root, "thing", disk).Delete({"x", "2"}).ok() ? 0 : 1);
    }
    int result = 0;
    ASSERT_EQ(waitpid(child, &result, 0), child);
    ASSERT_TRUE(WIFEXITED(result));
    const absl::StatusOr<Tag> latest = store.Find(kLatest);
    ASSERT_TRUE(latest.ok()) << fail_at << latest.status();
    EXPECT_EQ(GetFile(store.Directory(*latest) / "file"), latest->version);
    if (WEXITSTATUS(result) == 0) {
      EXPECT_THAT(store.List(), ElementsAre(Tag{"x", "1"}));
      EXPECT_GT(fail_at, 4);
      break;
    }
    ASSERT_EQ(WEXITSTATUS(result), 9);
  }
}

TEST_F(VersionStoreTest, SaysWhyItCannotDelete) {
  VersionStore store = Store();
  ASSERT_TRUE(SaveInto(store, {"x", "1"}).ok());
  FailingFileSystem disk(0, EROFS);
  const absl::Status status = VersionStore(temp_ / "store", "thing", disk).Delete({"x", "1"});
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("could not delete x:1"), HasSubstr("CHORUS_HOME")));
}

}  // namespace
}  // namespace chorus::store
