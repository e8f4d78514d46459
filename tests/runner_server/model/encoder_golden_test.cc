// Compares every family of encoders with Hugging Face transformers, fp32, eager attention: scores,
// vectors of each pooling, pairs; and batches with single texts, to the bit, in every precision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "tests/runner_server/model/executor_under_test.h"
#include "tests/runner_server/model/golden.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using Values = std::vector<float>;

constexpr double kTolerance = 1e-4;  // max|difference| / max|reference|.

class EncoderGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  EncoderGoldenTest() { WriteRandomCheckpoint(golden_, directory_.path()); }

  // The headless model's name, such as "BertModel".
  std::string Headless() const {
    std::string name = golden_.json().at("config").at("architectures")[0];
    return name.substr(0, name.find("ForSequenceClassification")) + "Model";
  }

  std::unique_ptr<SequenceEncoder> Load(const ModelOptions& options) {
    absl::StatusOr<LoadedModel> loaded = LoadModel(directory_.path(), UnderTest(options));
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return std::get<std::unique_ptr<SequenceEncoder>>(std::move(loaded->model));
  }

  // The golden inputs, as one batch or each by itself.
  std::vector<Values> Forward(SequenceEncoder& model, bool together) {
    std::vector<std::vector<int32_t>> ids, types;
    for (const nlohmann::json& entry : golden_.json().at("cases")) {
      ids.push_back(entry.at("ids"));
      types.push_back(entry.value("type_ids", std::vector<int32_t>()));
    }
    std::vector<SequenceEncoder::Row> rows;
    for (size_t i = 0; i < ids.size(); ++i) rows.emplace_back(ids[i], types[i]);
    std::vector<Values> values;
    const auto run = [&](std::span<const SequenceEncoder::Row> batch) {
      const std::span<const float> out = model.Forward(batch);
      const size_t size = model.num_values();
      for (size_t i = 0; i < batch.size(); ++i) {
        values.emplace_back(out.begin() + i * size, out.begin() + (i + 1) * size);
      }
    };
    if (together) {
      run(rows);
    } else {
      for (const SequenceEncoder::Row& row : rows) run({&row, 1});
    }
    return values;
  }

  // That each input gets the same by itself as in a batch.
  void ExpectSame(SequenceEncoder& model, Precision precision) {
    const std::vector<Values> together = Forward(model, /*together=*/true);
    const std::vector<Values> alone = Forward(model, /*together=*/false);
    for (size_t i = 0; i < together.size(); ++i) {
      EXPECT_TRUE(IsSame(model, precision, together[i], alone[i]))
          << DtypeName(precision) << " case " << i;
    }
  }

  // That `values` are the golden tensors `what`.0, `what`.1, ….
  void ExpectGolden(const std::vector<Values>& values, const std::string& what) {
    for (size_t i = 0; i < values.size(); ++i) {
      const Values expected = golden_.Floats(what + "." + std::to_string(i));
      ASSERT_EQ(values[i].size(), expected.size());
      double difference = 0, largest = 0;
      for (size_t j = 0; j < expected.size(); ++j) {
        difference = std::max(difference, std::abs(double{values[i][j]} - expected[j]));
        largest = std::max(largest, std::abs(double{expected[j]}));
      }
      EXPECT_LE(difference / largest, kTolerance) << what << " case " << i;
    }
  }

  const Golden golden_{std::string("encoders/") + GetParam()};
  const TemporaryDirectory directory_{"encoder_golden"};
};

TEST_P(EncoderGoldenTest, LogitsEqualHuggingFace) {
  const auto model = Load({.num_threads = 2});
  EXPECT_THAT(model->labels(), testing::ElementsAre("A", "B", "C"));
  ExpectGolden(Forward(*model, /*together=*/true), "logits");
}

TEST_P(EncoderGoldenTest, VectorsEqualHuggingFace) {
  nlohmann::json config = golden_.json().at("config");
  config["architectures"] = {Headless()};
  WriteConfig(directory_.path(), config);
  for (const auto& [pooling, what] :
       {std::pair{Pooling::kMean, "mean"}, std::pair{Pooling::kFirstToken, "cls"}}) {
    ExpectGolden(Forward(*Load({.pooling = pooling}), /*together=*/true), what);
  }
  if (golden_.Has("pooler.0")) {
    ExpectGolden(Forward(*Load({.pooling = Pooling::kPooler}), /*together=*/true), "pooler");
  } else {
    EXPECT_FALSE(LoadModel(directory_.path(), {.pooling = Pooling::kPooler}).ok());
  }
}

TEST_P(EncoderGoldenTest, BatchedEqualsSingleToTheBit) {
  for (const Precision precision : PrecisionsUnderTest()) {
    const auto model = Load({.precision = precision, .num_threads = 2});
    ExpectSame(*model, precision);
  }
  nlohmann::json config = golden_.json().at("config");
  config["architectures"] = {Headless()};
  WriteConfig(directory_.path(), config);
  ExpectSame(*Load({.precision = Precision::kBfloat16}), Precision::kBfloat16);
}

// How near narrow weights come, of small random models.
TEST_P(EncoderGoldenTest, NarrowWeightsStayNear) {
  for (const auto& [precision, tolerance] :
       {std::pair{Precision::kBfloat16, 0.03}, std::pair{Precision::kFloat16, 0.01},
        std::pair{Precision::kInt8, 0.15}}) {
    if (!std::ranges::count(PrecisionsUnderTest(), precision)) continue;
    const std::vector<Values> values = Forward(*Load({.precision = precision}), /*together=*/true);
    for (size_t i = 0; i < values.size(); ++i) {
      const Values expected = golden_.Floats("logits." + std::to_string(i));
      double largest = 0;
      for (const float value : expected) largest = std::max(largest, std::abs(double{value}));
      for (size_t j = 0; j < expected.size(); ++j) {
        EXPECT_NEAR(values[i][j], expected[j], tolerance * largest)
            << DtypeName(precision) << " case " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EncoderGoldenTest,
                         testing::Values("bert", "distilbert", "roberta", "xlm-roberta", "electra",
                                         "electra-base", "albert", "albert-groups", "modernbert",
                                         "modernbert-mean"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](unsigned char c) { return !std::isalnum(c); });
                           return name;
                         });

}  // namespace
}  // namespace chorus::runner
