#include "bundles/pinned_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "tests/bundles/sample_home.h"
#include "tests/model_store/failing_file_system.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class PinnedModelsTest : public ::testing::Test {
 protected:
  PinnedModelsTest() { home_.Save(); }

  fs::path Weights(const fs::path& home) {
    return store::ModelStore(home).Directory({"gpt2", "m1"}) / "model.safetensors";
  }

  const TempDirectory temp_;
  SampleHome home_{temp_.path()};
  const fs::path other_ = temp_ / "other";
};

TEST_F(PinnedModelsTest, TakesWhatWasPinned) {
  EXPECT_TRUE(VerifyPinnedModels(home_.bundle(), store::ModelStore(home_.path())).ok());
}

TEST_F(PinnedModelsTest, RefusesAChangedFile) {
  PutFile(Weights(home_.path()), "WEIGHTS");
  const absl::Status status = VerifyPinnedModels(home_.bundle(), store::ModelStore(home_.path()));
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("gpt2:m1"), HasSubstr("model.safetensors has changed"),
                    HasSubstr("sample:v1 needs it")));
}

TEST_F(PinnedModelsTest, RefusesAnotherModelUnderTheTag) {
  PutFile(temp_ / "model/model.safetensors", "others");
  ASSERT_TRUE(store::ModelStore(home_.path())
                  .Save({"gpt2", "m1"}, temp_ / "model", {.replace = true})
                  .ok());
  const absl::Status status = VerifyPinnedModels(home_.bundle(), store::ModelStore(home_.path()));
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("gpt2:m1 is not the model that sample:v1 pins; these files differ: "
                        "model.safetensors"));
}

TEST_F(PinnedModelsTest, RefusesAMissingModel) {
  ASSERT_TRUE(store::ModelStore(home_.path()).Delete({"bert", "m1"}).ok());
  const absl::Status status = VerifyPinnedModels(home_.bundle(), store::ModelStore(home_.path()));
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("no model bert:m1"), HasSubstr("sample:v1 needs it")));
}

TEST_F(PinnedModelsTest, CopiesABundleWithItsModels) {
  ASSERT_TRUE(CopyBundle(home_.bundle(), home_.path(), other_).ok());
  EXPECT_TRUE(BundleStore(other_).Verify(home_.bundle()).ok());
  EXPECT_TRUE(VerifyPinnedModels(home_.bundle(), store::ModelStore(other_)).ok());
  EXPECT_TRUE(CopyBundle(home_.bundle(), home_.path(), other_).ok());  // Again changes nothing.
}

TEST_F(PinnedModelsTest, DoesNotReplaceWhatIsThere) {
  PutFile(temp_ / "theirs/config.json", "{}");
  ASSERT_TRUE(store::ModelStore(other_).Save({"gpt2", "m1"}, temp_ / "theirs").ok());
  const absl::Status status = CopyBundle(home_.bundle(), home_.path(), other_);
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the store has another gpt2:m1; these files differ: config.json, "
                        "model.safetensors; delete it first: chorus models delete gpt2:m1"));
  EXPECT_TRUE(BundleStore(other_).List().bundles.empty());
}

TEST_F(PinnedModelsTest, DoesNotReplaceAnotherBundle) {
  SampleHome theirs(temp_ / "x");
  theirs.bundle().set_description("theirs");
  theirs.Save();
  const absl::Status status = CopyBundle(home_.bundle(), home_.path(), theirs.path());
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("chorus delete sample:v1"));
}

TEST_F(PinnedModelsTest, AnErrorAtAnyStepOfACopyLeavesNoBundle) {
  for (int fail_at = 0;; ++fail_at) {
    ASSERT_LT(fail_at, 200);
    const fs::path other = temp_ / ("other" + std::to_string(fail_at));
    store::FailingFileSystem disk(fail_at, ENOSPC);
    const absl::Status status = CopyBundle(home_.bundle(), home_.path(), other, disk);
    const BundleList list = BundleStore(other).List();
    EXPECT_TRUE(list.problems.empty());
    // A bundle that is there has its models.
    for (const auto& bundle : list.bundles) {
      EXPECT_TRUE(VerifyPinnedModels(bundle, store::ModelStore(other)).ok()) << fail_at;
    }
    if (!disk.failed()) {
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_GT(fail_at, 20);
      break;
    }
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << fail_at << status;
  }
}

}  // namespace
}  // namespace chorus
