#include "model_store/model_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kGpt2Config[] = R"({"architectures": ["GPT2LMHeadModel"]})";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class ModelStoreTest : public ::testing::Test {
 protected:
  ModelStoreTest() { PutModel("model", "weights"); }

  void PutModel(const std::string& folder, std::string_view weights) {
    PutFile(temp_ / folder / "config.json", kGpt2Config);
    PutFile(temp_ / folder / "model.safetensors", weights);
  }
  std::string Weights(const std::string& version) const {
    return GetFile(home_ / "models/gpt2" / version / "model.safetensors");
  }

  const TempDirectory temp_;
  const fs::path home_ = temp_ / "home";
  ModelStore store_{home_};
};

TEST_F(ModelStoreTest, SavesAndGets) {
  const absl::StatusOr<Manifest> saved = store_.Save({"gpt2", "v1"}, temp_ / "model");
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->tag.ToString(), "gpt2:v1");
  EXPECT_EQ(saved->task, "generate");
  EXPECT_EQ(saved->architecture, "GPT2LMHeadModel");
  EXPECT_THAT(saved->files, ElementsAre(Field(&ManifestFile::name, "config.json"),
                                        AllOf(Field(&ManifestFile::name, "model.safetensors"),
                                              Field(&ManifestFile::size_bytes, 7))));
  EXPECT_EQ(*store_.Get({"gpt2", "v1"}), *saved);
  EXPECT_EQ(*store_.Get({"gpt2", "latest"}), *saved);
  EXPECT_EQ(Weights("v1"), "weights");
  EXPECT_EQ(GetFile(home_ / "models/gpt2/latest"), "v1\n");
  EXPECT_TRUE(fs::is_empty(home_ / "models/.tmp"));
}

TEST_F(ModelStoreTest, StoresLinkedFilesButNoFoldersHiddenFilesOrForeignManifests) {
  PutFile(temp_ / "blobs/vocab", "{}");
  fs::create_symlink(temp_ / "blobs/vocab", temp_ / "model/vocab.json");
  PutFile(temp_ / "model/.git/config", "x");
  PutFile(temp_ / "model/.gitattributes", "x");
  PutFile(temp_ / "model/onnx/model.onnx", "x");
  PutFile(temp_ / "model/manifest.json", "not ours");
  ASSERT_TRUE(store_.Save({"gpt2", "v1"}, temp_ / "model").ok());
  EXPECT_THAT(store_.Get({"gpt2", "v1"})->files, SizeIs(3));
  EXPECT_FALSE(fs::is_symlink(home_ / "models/gpt2/v1/vocab.json"));
  EXPECT_EQ(GetFile(home_ / "models/gpt2/v1/vocab.json"), "{}");
}

TEST_F(ModelStoreTest, RefusesWhatIsNoModel) {
  PutFile(temp_ / "empty/readme", "x");
  PutFile(temp_ / "list/config.json", "[]");
  const absl::Status absent = store_.Save({"gpt2", "v1"}, temp_ / "absent").status();
  EXPECT_TRUE(absl::IsNotFound(absent)) << absent;
  const absl::Status empty = store_.Save({"gpt2", "v1"}, temp_ / "empty").status();
  EXPECT_TRUE(absl::IsNotFound(empty)) << empty;
  EXPECT_THAT(Message(empty), HasSubstr("give a Hugging Face model folder"));
  const absl::Status list = store_.Save({"gpt2", "v1"}, temp_ / "list").status();
  EXPECT_TRUE(absl::IsInvalidArgument(list)) << list;
  const absl::Status latest = store_.Save({"gpt2", "latest"}, temp_ / "model").status();
  EXPECT_TRUE(absl::IsInvalidArgument(latest)) << latest;
  EXPECT_TRUE(absl::IsInvalidArgument(store_.Save({"..", "v1"}, temp_ / "model").status()));
  EXPECT_THAT(store_.List().models, IsEmpty());
}

TEST_F(ModelStoreTest, KeepsAVersionUnlessToldToReplaceIt) {
  PutModel("other", "other weights");
  ASSERT_TRUE(store_.Save({"gpt2", "v1"}, temp_ / "model").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_.Save({"gpt2", "v1"}, temp_ / "other").status()));
  EXPECT_EQ(Weights("v1"), "weights");
  ASSERT_TRUE(store_.Save({"gpt2", "v1"}, temp_ / "other", {.replace = true}).ok());
  EXPECT_EQ(Weights("v1"), "other weights");
  EXPECT_TRUE(store_.Verify({"gpt2", "v1"}).ok());
  EXPECT_TRUE(fs::is_empty(home_ / "models/.tmp"));
}

TEST_F(ModelStoreTest, AdoptsFilesByMovingThem) {
  const std::vector<ManifestFile> files = {
      {"model.safetensors", 7, DigestFile(temp_ / "model/model.safetensors")->sha256},
      {"config.json", static_cast<int64_t>(sizeof(kGpt2Config)) - 1,
       DigestFile(temp_ / "model/config.json")->sha256}};
  const ModelSource source{"openai-community/gpt2", std::string(40, 'c')};
  const auto adopted =
      store_.Adopt({.tag = {"gpt2", "v1"}, .files = files, .source = source}, temp_ / "model");
  ASSERT_TRUE(adopted.ok()) << adopted.status();
  EXPECT_EQ(adopted->architecture, "GPT2LMHeadModel");
  EXPECT_EQ(adopted->source, source);
  EXPECT_EQ(*store_.Get({"gpt2", "latest"}), *adopted);
  EXPECT_TRUE(store_.Verify({"gpt2", "v1"}).ok());
  EXPECT_TRUE(fs::is_empty(temp_ / "model"));
  PutModel("model", "weights");
  EXPECT_TRUE(absl::IsAlreadyExists(
      store_.Adopt({.tag = {"gpt2", "v1"}, .files = files}, temp_ / "model").status()));
  EXPECT_TRUE(fs::exists(temp_ / "model/model.safetensors"));
}

TEST_F(ModelStoreTest, LatestFollowsItsMode) {
  const auto save = [&](const char* version, SetLatest mode) {
    ASSERT_TRUE(store_.Save({"gpt2", version}, temp_ / "model", {.set_latest = mode}).ok());
  };
  const auto latest = [&] { return store_.Get({"gpt2", "latest"}); };
  save("v1", SetLatest::kNever);
  EXPECT_TRUE(absl::IsNotFound(latest().status()));
  EXPECT_THAT(Message(latest().status()), HasSubstr("the versions of gpt2 are: v1"));
  save("v2", SetLatest::kIfAbsent);
  EXPECT_EQ(latest()->tag.version, "v2");
  save("v3", SetLatest::kIfAbsent);
  EXPECT_EQ(latest()->tag.version, "v2");
  save("v4", SetLatest::kAlways);
  EXPECT_EQ(latest()->tag.version, "v4");
  EXPECT_TRUE(store_.PointLatest({"gpt2", "v1"}, SetLatest::kIfAbsent).ok());
  EXPECT_EQ(latest()->tag.version, "v4");
  EXPECT_TRUE(store_.PointLatest({"gpt2", "v1"}, SetLatest::kAlways).ok());
  EXPECT_EQ(latest()->tag.version, "v1");
  EXPECT_TRUE(absl::IsNotFound(store_.PointLatest({"gpt2", "v9"}, SetLatest::kAlways)));
}

TEST_F(ModelStoreTest, ResolvesTagsAndFolders) {
  ASSERT_TRUE(store_.Save({"gpt2", "v1"}, temp_ / "model").ok());
  ASSERT_TRUE(store_.Save({"gpt2", "v2"}, temp_ / "model").ok());
  const struct {
    std::string text;
    fs::path directory;
    std::string version;
  } kCases[] = {
      {"gpt2", home_ / "models/gpt2/v2", "v2"},
      {"gpt2:latest", home_ / "models/gpt2/v2", "v2"},
      {"gpt2:v1", home_ / "models/gpt2/v1", "v1"},
      {(temp_ / "model").native(), fs::canonical(temp_ / "model"), ""},
      {(temp_ / "model").native() + "/../model/", fs::canonical(temp_ / "model"), ""},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<ResolvedModel> model = store_.Resolve(c.text);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->directory, c.directory) << c.text;
    EXPECT_EQ(model->tag ? model->tag->version : "", c.version) << c.text;
  }
}

TEST_F(ModelStoreTest, KnowsTheNativeCodeThatItHolds) {
  PutFile(temp_ / "model/model.pt2", "code");
  const Manifest saved = store_.Save({"gpt2", "v1"}, temp_ / "model").value();
  EXPECT_EQ(store_.Resolve("gpt2")->native_code, NativeCodeOf(saved.files));
  EXPECT_THAT(NativeCodeOf(saved.files), SizeIs(64));
  EXPECT_EQ(store_.Resolve((temp_ / "model").native())->native_code, "");  // A folder's own word.
}

TEST_F(ModelStoreTest, SaysWhatDoesNotResolve) {
  EXPECT_THAT(Message(store_.Resolve("gpt2").status()), HasSubstr("there is none at all"));
  ASSERT_TRUE(store_.Save({"gpt2", "v1"}, temp_ / "model").ok());
  const struct {
    std::string text;
    absl::StatusCode code;
    std::string message;
  } kCases[] = {
      {"gpt3", absl::StatusCode::kNotFound, "no model gpt3:latest"},
      {"gpt3", absl::StatusCode::kNotFound, "there are: gpt2; did you mean gpt2?"},
      {"gpt2:v2", absl::StatusCode::kNotFound, "the versions of gpt2 are: v1"},
      {"a:b:c", absl::StatusCode::kInvalidArgument, "b:c"},
      {"", absl::StatusCode::kInvalidArgument, "\"\""},
      {"./absent", absl::StatusCode::kNotFound, "no model folder ./absent"},
      {(temp_ / "home").native(), absl::StatusCode::kNotFound, "no config.json"},
      {(temp_ / "model/config.json").native(), absl::StatusCode::kInvalidArgument,
       "is a file: give the folder"},
      // The tests run in the source root, which has such a folder.
      {"models", absl::StatusCode::kNotFound, "the folder is written ./models"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = store_.Resolve(c.text).status();
    EXPECT_EQ(status.code(), c.code) << c.text << ": " << status;
    EXPECT_THAT(Message(status), HasSubstr(c.message)) << c.text;
  }
}

TEST_F(ModelStoreTest, TellsAFolderFromATag) {
  // The tests run in the source root, which has such a folder.
  for (const char* text : {".", "..", "./models", "models/"}) EXPECT_TRUE(IsModelFolder(text));
  for (const char* text : {"", "models", "./absent", "./README.md"}) {
    EXPECT_FALSE(IsModelFolder(text)) << text;
  }
}

TEST_F(ModelStoreTest, SaysWhyAFolderCannotBeServed) {
  const std::string folder = (temp_ / "theirs").native();
  PutFile(temp_ / "theirs/config.json", kGpt2Config);
  EXPECT_TRUE(absl::IsNotFound(store_.Resolve(folder).status()));
  PutFile(temp_ / "theirs/tf_model.h5", "x");
  const absl::Status status = store_.Resolve(folder).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr("only tf_model.h5"), HasSubstr("import GPT2LMHeadModel as M")));
  PutFile(temp_ / "theirs/config.json", R"({"x": NaN, "architectures": []})");
  EXPECT_EQ(store_.Resolve(folder).status().code(), absl::StatusCode::kFailedPrecondition);
  PutFile(temp_ / "theirs/config.json", "{\n\"x\"}");
  EXPECT_THAT(Message(store_.Resolve(folder).status()),
              HasSubstr("theirs/config.json: line 2, column 4: "));
}

TEST_F(ModelStoreTest, ListsInOrderAndReportsDamage) {
  EXPECT_THAT(store_.List().models, IsEmpty());
  for (const Tag& tag : {Tag{"gpt2", "v2"}, Tag{"bert", "v1"}, Tag{"gpt2", "v1"}, Tag{"x", "y"}}) {
    ASSERT_TRUE(store_.Save(tag, temp_ / "model").ok());
  }
  PutFile(home_ / "models/x/y/manifest.json", "{");
  PutFile(home_ / "models/gpt2/.tmp-1/file", "not a version");
  PutFile(home_ / "models/stray", "not a model");
  const ModelList list = store_.List();
  std::vector<std::string> tags;
  for (const Manifest& manifest : list.models) tags.push_back(manifest.tag.ToString());
  EXPECT_THAT(tags, ElementsAre("bert:v1", "gpt2:v1", "gpt2:v2"));
  ASSERT_THAT(list.problems, SizeIs(1));
  EXPECT_TRUE(absl::IsDataLoss(list.problems[0]));
  EXPECT_THAT(Message(list.problems[0]), HasSubstr("x:y is damaged"));
}

TEST_F(ModelStoreTest, RefusesAManifestOfAnotherModelAndABadLatest) {
  ASSERT_TRUE(store_.Save({"gpt2", "v1"}, temp_ / "model").ok());
  fs::rename(home_ / "models/gpt2/v1", home_ / "models/gpt2/v2");
  EXPECT_TRUE(absl::IsDataLoss(store_.Get({"gpt2", "v2"}).status()));
  EXPECT_TRUE(absl::IsNotFound(store_.Get({"gpt2", "latest"}).status()));  // Names v1 still.
  for (const char* text : {"", "../../x", "latest", "v 1"}) {
    PutFile(home_ / "models/gpt2/latest", text);
    EXPECT_TRUE(absl::IsDataLoss(store_.Get({"gpt2", "latest"}).status())) << text;
  }
}

TEST_F(ModelStoreTest, VerifyNamesEveryDamagedFile) {
  ASSERT_TRUE(store_.Save({"gpt2", "v1"}, temp_ / "model").ok());
  EXPECT_TRUE(store_.Verify({"gpt2", "latest"}).ok());
  PutFile(home_ / "models/gpt2/v1/model.safetensors", "WEIGHTS");
  fs::remove(home_ / "models/gpt2/v1/config.json");
  const absl::Status status = store_.Verify({"gpt2", "v1"});
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(Message(status), AllOf(HasSubstr("config.json: No such file"),
                                     HasSubstr("model.safetensors has changed")));
  EXPECT_TRUE(absl::IsNotFound(store_.Verify({"gpt2", "v2"})));
}

// root passes over permissions, so the child becomes nobody first.
TEST_F(ModelStoreTest, ExplainsAFolderItMayNotWrite) {
  fs::create_directory(home_);
  fs::permissions(home_, fs::perms{0555});
  fs::permissions(temp_.path(), fs::perms{0755});
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    const absl::Status status = store_.Save({"gpt2", "v1"}, temp_ / "model").status();
    const bool right = absl::IsPermissionDenied(status) &&
                       Message(status).find("CHORUS_HOME") != std::string::npos;
    _exit(right ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
}

TEST(ModelStoreDefaultHome, ComesFromTheEnvironment) {
  ::setenv("HOME", "/home/someone", 1);
  ::setenv("CHORUS_HOME", "/data/chorus", 1);
  EXPECT_EQ(*ModelStore::DefaultHome(), "/data/chorus");
  ::setenv("CHORUS_HOME", "", 1);
  EXPECT_EQ(*ModelStore::DefaultHome(), "/home/someone/.chorus");
  ::unsetenv("HOME");
  ::unsetenv("CHORUS_HOME");
  EXPECT_TRUE(absl::IsFailedPrecondition(ModelStore::DefaultHome().status()));
}

}  // namespace
}  // namespace chorus::store
