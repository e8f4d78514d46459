#include "model_store/hub/hub_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kCommit(40, 'c');
const std::string kSha1(40, 'b');
const std::string kSha256(64, 'a');

std::string Listing(const std::string& siblings) {
  return R"({"id": "a/b", "sha": ")" + kCommit + R"(", "siblings": [)" + siblings + "]}";
}
std::string File(const std::string& name) {
  return R"({"rfilename": ")" + name + R"(", "size": 5, "blobId": ")" + kSha1 + R"("})";
}
std::string LfsFile(const std::string& name) {
  return R"({"rfilename": ")" + name + R"(", "size": 9, "blobId": ")" + kSha1 +
         R"(", "lfs": {"size": 9, "sha256": ")" + kSha256 + R"(", "pointerSize": 134}})";
}
std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::vector<std::string> Names(const std::vector<HubFile>& files) {
  std::vector<std::string> names;
  for (const HubFile& file : files) names.push_back(file.name);
  return names;
}

TEST(HubListing, HasTheCommitAndTheFilesAtTheTop) {
  const auto listing = ParseHubListing(
      Listing(LfsFile("model.safetensors") + "," + File("config.json") + "," +
              File("onnx/model.onnx") + "," + File("../x") + "," + File("/etc/passwd") + "," +
              File("..") + "," + File("") + "," + File("manifest.json")));
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_EQ(listing->commit, kCommit);
  EXPECT_THAT(
      listing->files,
      ElementsAre(HubFile{.name = "config.json", .size_bytes = 5, .git_sha1 = kSha1},
                  HubFile{.name = "model.safetensors", .size_bytes = 9, .sha256 = kSha256}));
}

TEST(HubListing, HasTheLicenceOfTheCard) {
  const struct {
    std::string card;
    std::string licence;
  } kCases[] = {
      {R"({"license": "mit", "tags": []})", "mit"},
      {R"({"license": ["mit", "apache-2.0"]})", "mit, apache-2.0"},
      {R"({"license": "other", "license_name": "tongyi-qianwen"})", "tongyi-qianwen"},
      {R"({"license": "other"})", "other"},
      {R"({"license": ")" + std::string(257, 'x') + "\"}", ""},
      {R"({"license": {"name": "mit"}})", ""},
      {R"({"license": null})", ""},
      {"{}", ""},
      {"[]", ""},
      {"null", ""},
  };
  for (const auto& c : kCases) {
    std::string text = Listing(File("config.json"));
    text.insert(1, "\"cardData\": " + c.card + ", ");
    const auto listing = ParseHubListing(text);
    ASSERT_TRUE(listing.ok()) << listing.status();
    EXPECT_EQ(listing->licence, c.licence) << c.card;
  }
}

TEST(HubListing, SaysWhatIsWrong) {
  const std::string sha = R"({"rfilename": "x", "blobId": ")" + kSha1 + R"(", "size": )";
  const struct {
    std::string json;
    std::string message;
  } kCases[] = {
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"{\"sha\": \"\xFF\"}", "not a JSON object"},
      {R"({"siblings": []})", "sha must be a commit"},
      {R"({"sha": "main", "siblings": []})", "sha must be a commit"},
      {R"({"sha": 7, "siblings": []})", "sha must be a commit"},
      {R"({"sha": ")" + kCommit + R"("})", "siblings must be an array"},
      {Listing("7"), "files with names"},
      {Listing(R"({"rfilename": 7})"), "files with names"},
      {Listing(R"({"rfilename": "x"})"), "the size of x"},
      {Listing(sha + "-1}"), "the size of x"},
      {Listing(sha + "1.5}"), "the size of x"},
      {Listing(sha + "\"1\"}"), "the size of x"},
      {Listing(sha + "4398046511105}"), "the size of x"},
      {Listing(sha + "99999999999999999999}"), "the size of x"},
      {Listing(R"({"rfilename": "x", "size": 1})"), "no hash of x"},
      {Listing(R"({"rfilename": "x", "size": 1, "blobId": "zz"})"), "no hash of x"},
      {Listing(R"({"rfilename": "x'", "size": 1, "lfs": {"size": 1, "sha256": "0"}})"),
       "no SHA-256 of x\\'"},
      {Listing(File("x") + "," + File("x")), "x is there twice"},
      {std::string(2'000'000, '['), "nests deeper"},
      {std::string(kMaxHubListingBytes + 1, ' '), "more than"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ParseHubListing(c.json).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.message << ": " << status;
    EXPECT_THAT(Message(status), HasSubstr(c.message));
  }
}

TEST(HubListing, SelectsWhatARunnerReads) {
  const auto listing = ParseHubListing(Listing(
      File(".gitattributes") + "," + File("README.md") + "," + LfsFile("flax_model.msgpack") + "," +
      File("generation_config.json") + "," + File("config.json") + "," + File("merges.txt") + "," +
      LfsFile("model.safetensors") + "," + LfsFile("pytorch_model.bin") + "," +
      File("model.safetensors.index.json") + "," + File("chat_template.jinja") + "," +
      File("tokenizer.json") + "," + File("tokenizer_config.json") + "," + File("vocab.json")));
  const auto files = SelectModelFiles(*listing);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Names(files->small),
              ElementsAre("config.json", "generation_config.json", "tokenizer_config.json",
                          "chat_template.jinja", "merges.txt", "vocab.json", "tokenizer.json"));
  EXPECT_EQ(files->index, "");
  EXPECT_THAT(Names(files->weights), ElementsAre("model.safetensors"));
}

TEST(HubListing, SelectsTheFilesOfASentenceEncoder) {
  const std::string others =
      File("config.json") + "," + File("1_Pooling/config.json") + "," +
      File("2_Dense/config.json") + "," + LfsFile("2_Dense/pytorch_model.bin") + "," +
      LfsFile("2_Dense/model.safetensors") + "," + File("0_Transformer/config.json") + "," +
      LfsFile("0_Transformer/pytorch_model.bin") + "," + File("modules.json") + "," +
      LfsFile("onnx/model.onnx") + "," + File("config_sentence_transformers.json") + "," +
      File("sentence_bert_config.json") + "," + File("sentencepiece.bpe.model") + ",";
  const auto listing = ParseHubListing(Listing(others + LfsFile("model.safetensors")));
  const auto files = SelectModelFiles(*listing);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Names(files->small),
              ElementsAre("config.json", "modules.json", "config_sentence_transformers.json",
                          "sentence_bert_config.json", "sentencepiece.bpe.model",
                          "1_Pooling/config.json", "2_Dense/config.json"));
  EXPECT_THAT(Names(files->weights), ElementsAre("model.safetensors", "2_Dense/model.safetensors"));

  const auto shards =
      SelectModelFiles(*ParseHubListing(Listing(others + File("model.safetensors.index.json"))));
  ASSERT_TRUE(shards.ok()) << shards.status();
  EXPECT_THAT(Names(shards->weights), ElementsAre("2_Dense/model.safetensors"));
}

TEST(HubListing, TellsOfAModelInAFolderOfItsOwn) {
  const auto files = SelectModelFiles(
      *ParseHubListing(Listing(File("0_Transformer/config.json") + "," + File("modules.json"))));
  EXPECT_THAT(std::string(files.status().message()), HasSubstr("but in 0_Transformer"));
}

TEST(HubListing, TakesShardsAndTorchsFilesWhereThereIsNothingElse) {
  const std::string bert = File("config.json") + "," + File("vocab.txt") + ",";
  const auto select = [&](const std::string& siblings) {
    return *SelectModelFiles(*ParseHubListing(Listing(bert + siblings)));
  };
  const ModelFiles torch = select(LfsFile("pytorch_model.bin") + "," + LfsFile("tf_model.h5"));
  EXPECT_EQ(torch.index, "");
  EXPECT_THAT(Names(torch.weights), ElementsAre("pytorch_model.bin"));
  const ModelFiles shards =
      select(LfsFile("pytorch_model.bin") + "," + File("model.safetensors.index.json"));
  EXPECT_EQ(shards.index, "model.safetensors.index.json");
  EXPECT_THAT(shards.weights, IsEmpty());
  EXPECT_THAT(Names(shards.small),
              ElementsAre("config.json", "model.safetensors.index.json", "vocab.txt"));
  EXPECT_EQ(select(File("pytorch_model.bin.index.json")).index, "pytorch_model.bin.index.json");
}

TEST(HubListing, SelectsTheShardsOfAnIndex) {
  const auto listing = ParseHubListing(Listing(
      LfsFile("m-2.safetensors") + "," + LfsFile("m-1.safetensors") + "," + LfsFile("other.bin")));
  const auto shards = SelectShards(
      *listing, {{"a", "m-2.safetensors"}, {"b", "m-1.safetensors"}, {"c", "m-2.safetensors"}});
  ASSERT_TRUE(shards.ok()) << shards.status();
  EXPECT_THAT(Names(*shards), ElementsAre("m-1.safetensors", "m-2.safetensors"));
  const absl::Status missing = SelectShards(*listing, {{"a", "m-3.safetensors"}}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(missing));
  EXPECT_THAT(Message(missing), HasSubstr("its index names m-3.safetensors"));
}

TEST(HubListing, SaysWhyARepositoryCannotBeUsed) {
  const std::string bert = File("config.json") + "," + File("vocab.txt") + ",";
  const struct {
    std::string siblings;
    std::string message;
  } kCases[] = {
      {LfsFile("model.safetensors"), "no config.json"},
      {File("config.json") + "," + LfsFile("model.safetensors"), "no vocabulary"},
      {File("config.json") + "," + File("vocab.json") + "," + LfsFile("model.safetensors"),
       "no vocabulary"},
      {bert + File("README.md"), "no weights that Chorus reads"},
      {bert + LfsFile("tf_model.h5"), "no weights that Chorus reads"},
      {bert + LfsFile("model.pt2"), "its model.pt2 is native code, which is taken from no hub"},
      {bert + LfsFile("model-00001-of-00002.safetensors"), "shards with their index"},
  };
  for (const auto& c : kCases) {
    const auto listing = ParseHubListing(Listing(c.siblings));
    ASSERT_TRUE(listing.ok()) << listing.status();
    const absl::Status status = SelectModelFiles(*listing).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << c.message;
    EXPECT_THAT(Message(status), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace chorus::store
