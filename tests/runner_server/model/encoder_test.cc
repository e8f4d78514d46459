// What must not matter, to the bit: company in the batch, threads, the stored type, legacy names.
#include "runner_server/model/encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "tests/runner_server/model/executor_under_test.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using Ids = std::vector<int32_t>;
using Logits = std::vector<float>;

// Widths that fit no vector, panel or key block: head size 20, inner 130.
nlohmann::json OddConfig() {
  return {{"architectures", {"BertForSequenceClassification"}},
          {"model_type", "bert"},
          {"hidden_size", 60},
          {"num_attention_heads", 3},
          {"intermediate_size", 130},
          {"num_hidden_layers", 2},
          {"max_position_embeddings", 70},
          {"vocab_size", 203},
          {"id2label", {{"0", "BAD"}, {"1", "FAIR"}, {"2", "GOOD"}}}};
}

Ids RandomIds(int length, int seed) {
  std::mt19937 random(seed);
  Ids ids(length);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % 203);
  return ids;
}

std::unique_ptr<SequenceEncoder> Load(const std::filesystem::path& directory, Precision precision,
                                      int num_threads = 1) {
  absl::StatusOr<LoadedModel> loaded =
      LoadModel(directory, UnderTest({.precision = precision, .num_threads = num_threads}));
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return std::get<std::unique_ptr<SequenceEncoder>>(std::move(loaded->model));
}

Logits Classify(SequenceEncoder& model, const std::vector<Ids>& texts) {
  const std::vector<SequenceEncoder::Row> rows(texts.begin(), texts.end());
  const std::span<const float> logits = model.Forward(rows);
  EXPECT_EQ(logits.size(), texts.size() * model.labels().size());
  return {logits.begin(), logits.end()};
}

// In every precision.
class EncoderTest : public testing::TestWithParam<Precision> {
 protected:
  EncoderTest() {
    WriteConfig(directory_.path(), OddConfig());
    WriteSafetensors(directory_.path() / "model.safetensors", RandomBert(OddConfig()));
    model_ = Load(directory_.path(), GetParam());
  }

  std::vector<Ids> ManyTexts() const {
    std::vector<Ids> texts;
    for (const int length : {1, 2, 70, 16, 17, 33, 5, 15, 64}) {
      texts.push_back(RandomIds(length, length));
    }
    return texts;
  }

  // As IsSame.
  testing::AssertionResult Same(const Logits& a, const Logits& b) const {
    return IsSame(*model_, GetParam(), a, b);
  }

  const TemporaryDirectory directory_{"encoder_test"};
  std::unique_ptr<SequenceEncoder> model_;
};

TEST_P(EncoderTest, TellsItsSizesAndLabels) {
  EXPECT_EQ(model_->vocab_size(), 203);
  EXPECT_EQ(model_->context_size(), 70);
  EXPECT_THAT(model_->labels(), testing::ElementsAre("BAD", "FAIR", "GOOD"));
  EXPECT_EQ(model_->batch_invariant(), !TestsTorch());  // What the tests below show.
}

TEST_P(EncoderTest, DependsOnEveryTokenAndItsPlace) {
  const Ids ids = RandomIds(20, 1);
  const Logits logits = Classify(*model_, {ids});
  for (size_t i = 0; i < ids.size(); ++i) {
    Ids changed = ids;
    changed[i] = (changed[i] + 1) % 203;
    EXPECT_NE(Classify(*model_, {changed}), logits) << "token " << i;
  }
  EXPECT_NE(Classify(*model_, {Ids(ids.rbegin(), ids.rend())}), logits);
}

TEST_P(EncoderTest, BatchedEqualsSingleToTheBit) {
  const std::vector<Ids> texts = ManyTexts();
  Logits expected;
  for (const Ids& text : texts) {
    const Logits alone = Classify(*model_, {text});
    expected.insert(expected.end(), alone.begin(), alone.end());
  }
  EXPECT_TRUE(Same(Classify(*model_, texts), expected));
}

TEST_P(EncoderTest, ThreadsDoNotChangeABit) {
  const Logits expected = Classify(*model_, ManyTexts());
  for (const int num_threads : {2, 3, 5}) {
    const auto model = Load(directory_.path(), GetParam(), num_threads);
    EXPECT_TRUE(Same(Classify(*model, ManyTexts()), expected)) << num_threads;
    for (int active = 1; active <= num_threads; ++active) {
      model->set_num_threads(active);
      EXPECT_TRUE(Same(Classify(*model, ManyTexts()), expected)) << active << " of " << num_threads;
    }
  }
}

TEST_P(EncoderTest, TakesLegacyNamesAndStrays) {
  const Logits expected = Classify(*model_, ManyTexts());
  std::vector<TestTensor> tensors = RandomBert(OddConfig());
  for (TestTensor& tensor : tensors) {
    const size_t weight = tensor.name.find("LayerNorm.weight");
    const size_t bias = tensor.name.find("LayerNorm.bias");
    if (weight != std::string::npos) tensor.name.replace(weight, 16, "LayerNorm.gamma");
    if (bias != std::string::npos) tensor.name.replace(bias, 14, "LayerNorm.beta");
  }
  tensors.push_back({"bert.embeddings.position_ids", {1, 2}, {0, 1}});
  tensors.push_back({"cls.predictions.transform.LayerNorm.gamma", {1}, {1}});
  tensors.push_back({"cls.seq_relationship.bias", {2}, {0, 0}});
  WriteSafetensors(directory_.path() / "model.safetensors", tensors);
  EXPECT_TRUE(Same(Classify(*Load(directory_.path(), GetParam()), ManyTexts()), expected));
}

TEST_P(EncoderTest, TheStoredTypeOfEqualValuesDoesNotMatter) {
  std::vector<TestTensor> tensors = RandomBert(OddConfig());
  for (TestTensor& tensor : tensors) {
    for (float& value : tensor.values) value = std::round(value * 128) / 128;
  }
  std::vector<Logits> logits;
  for (const char* dtype : {"F32", "F16", "BF16"}) {
    WriteSafetensors(directory_.path() / "model.safetensors", tensors, dtype);
    logits.push_back(Classify(*Load(directory_.path(), GetParam()), ManyTexts()));
  }
  EXPECT_TRUE(Same(logits[1], logits[0]));
  EXPECT_TRUE(Same(logits[2], logits[0]));
}

// Finite weights, but so large in one place that what is made of them overflows.
TEST_P(EncoderTest, AnOverflowIsSeenInTheLogits) {
  const std::vector<Ids> texts = {RandomIds(30, 1), RandomIds(8, 2)};
  const Logits clean = Classify(*model_, texts);
  for (const char* name :
       {"bert.embeddings.position_embeddings.weight",
        "bert.encoder.layer.0.attention.self.value.bias",
        "bert.encoder.layer.1.intermediate.dense.bias",
        "bert.encoder.layer.1.output.LayerNorm.weight", "bert.pooler.dense.weight"}) {
    // Of the positions one that the second text does not have.
    const bool is_position = std::string(name).find("position") != std::string::npos;
    // libtorch's layer norm makes 0 of what overflows in the variance.
    if (is_position && TestsTorch()) continue;
    // float16 holds no such weight, which is refused.
    if (GetParam() == Precision::kFloat16) continue;
    std::vector<TestTensor> tensors = RandomBert(OddConfig());
    for (TestTensor& tensor : tensors) {
      if (tensor.name != name) continue;
      const auto begin = tensor.values.begin() + (is_position ? 20 * 60 : 0);
      std::fill(begin, begin + 60, 3e38f);
    }
    WriteSafetensors(directory_.path() / "model.safetensors", tensors);
    const std::unique_ptr<SequenceEncoder> model = Load(directory_.path(), GetParam());
    const Logits logits = Classify(*model, texts);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(std::isfinite(logits[i])) << name;
    if (is_position) {
      EXPECT_TRUE(
          Same(Logits(logits.begin() + 3, logits.end()), Logits(clean.begin() + 3, clean.end())));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, EncoderTest, testing::ValuesIn(PrecisionsUnderTest()),
                         [](const auto& info) { return std::string(DtypeName(info.param)); });

}  // namespace
}  // namespace chorus::runner
