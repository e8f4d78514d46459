#include "bundles/bundle_store.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/bundles/sample_home.h"
#include "tests/model_store/failing_file_system.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BundleStoreTest : public ::testing::Test {
 protected:
  const TempDirectory temp_;
  SampleHome home_{temp_.path()};
  BundleStore store_{home_.path()};
};

TEST_F(BundleStoreTest, GivesBackWhatWasSaved) {
  ASSERT_TRUE(store_.Save(home_.bundle(), home_.content()).ok());
  const auto bundle = store_.Get({"sample", "latest"});
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*bundle, home_.bundle()));
  EXPECT_EQ(GetFile(store_.Directory({"sample", "v1"}) / "include/a/b.txt"), "included");
  EXPECT_TRUE(store_.Verify(*bundle).ok());
  EXPECT_THAT(store_.List().bundles, SizeIs(1));
  EXPECT_TRUE(absl::IsAlreadyExists(store_.Save(home_.bundle(), home_.content())));
  EXPECT_TRUE(store_.Delete({"sample", "v1"}).ok());
  EXPECT_THAT(store_.List().bundles, IsEmpty());
}

TEST_F(BundleStoreTest, SavesNothingThatIsNotWhatTheBundleSays) {
  PutFile(home_.content() / "graph.yaml", "changed");
  const absl::Status status = store_.Save(home_.bundle(), home_.content());
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("graph.yaml"));
  EXPECT_THAT(store_.List().bundles, IsEmpty());
}

TEST_F(BundleStoreTest, SavesNothingThatCannotBeReadBack) {
  home_.bundle().mutable_files(1)->set_name("../escape");
  EXPECT_TRUE(absl::IsInvalidArgument(store_.Save(home_.bundle(), home_.content())));
  EXPECT_THAT(store_.List().bundles, IsEmpty());
}

TEST_F(BundleStoreTest, VerifyNamesWhatHasChanged) {
  home_.Save();
  const fs::path directory = store_.Directory({"sample", "v1"});
  PutFile(directory / "graph.yaml", "changed");
  fs::remove(directory / "include/a/b.txt");
  const absl::Status status = store_.Verify(home_.bundle());
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("graph.yaml, include/a/b.txt"));
}

TEST_F(BundleStoreTest, ADamagedBundleIsReportedAndTheOthersListed) {
  home_.Save();
  home_.bundle().set_version("v2");
  home_.Save();
  PutFile(store_.Directory({"sample", "v1"}) / "bundle.yaml", "name: [");
  const BundleList list = store_.List();
  EXPECT_THAT(list.bundles, SizeIs(1));
  ASSERT_THAT(list.problems, SizeIs(1));
  EXPECT_THAT(std::string(list.problems[0].message()),
              AllOf(HasSubstr("sample:v1 is damaged"), HasSubstr("bundle.yaml:")));
  PutFile(store_.Directory({"sample", "v1"}) / "bundle.yaml",
          GetFile(store_.Directory({"sample", "v2"}) / "bundle.yaml"));
  EXPECT_THAT(std::string(store_.Get({"sample", "v1"}).status().message()),
              HasSubstr("its bundle.yaml is of sample:v2"));
}

TEST_F(BundleStoreTest, DeathAtAnyStepOfASaveLeavesNoBundleOrAWholeOne) {
  for (int fail_at = 0;; ++fail_at) {
    ASSERT_LT(fail_at, 100);
    const fs::path home = temp_ / ("home" + std::to_string(fail_at));
    const pid_t child = fork();
    if (child == 0) {
      store::FailingFileSystem disk(fail_at, 0);
      _exit(BundleStore(home, disk).Save(home_.bundle(), home_.content()).ok() ? 0 : 1);
    }
    int result = 0;
    ASSERT_EQ(waitpid(child, &result, 0), child);
    ASSERT_TRUE(WIFEXITED(result));
    BundleStore store(home);
    const BundleList list = store.List();
    EXPECT_THAT(list.problems, IsEmpty());
    for (const auto& bundle : list.bundles) EXPECT_TRUE(store.Verify(bundle).ok()) << fail_at;
    if (WEXITSTATUS(result) == 0) {
      EXPECT_GT(fail_at, 10);
      break;
    }
    ASSERT_EQ(WEXITSTATUS(result), 9);
    // What is left of it does not stand in the way.
    if (list.bundles.empty()) {
      EXPECT_TRUE(store.Save(home_.bundle(), home_.content()).ok());
      EXPECT_TRUE(fs::is_empty(home / "bundles/.tmp"));
    }
  }
}

}  // namespace
}  // namespace chorus
