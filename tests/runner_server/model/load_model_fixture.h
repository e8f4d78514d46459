#pragma once

// A folder with a small model, to load.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/model/load_model.h"
#include "tests/runner_server/model/executor_under_test.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {

inline nlohmann::json SmallGpt2() {
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"n_embd", 8},
          {"n_head", 2},
          {"n_layer", 1},
          {"n_positions", 10},
          {"vocab_size", 20},
          {"bos_token_id", 3},
          {"eos_token_id", 4}};
}

inline nlohmann::json SmallBert() {
  return {{"architectures", {"BertForSequenceClassification"}},
          {"model_type", "bert"},
          {"hidden_size", 8},
          {"num_attention_heads", 2},
          {"intermediate_size", 12},
          {"num_hidden_layers", 1},
          {"max_position_embeddings", 10},
          {"vocab_size", 20}};
}

class LoadModelFixture : public testing::Test {
 protected:
  void Write(const nlohmann::json& config, const std::vector<TestTensor>& tensors) {
    WriteConfig(directory_.path(), config);
    WriteSafetensors(directory_.path() / "model.safetensors", tensors);
  }
  absl::StatusOr<LoadedModel> Load(const ModelOptions& options = {}) {
    return LoadModel(directory_.path(), UnderTest(options));
  }
  void ExpectFailure(absl::StatusCode code, const testing::Matcher<std::string>& message) {
    const absl::Status status = Load().status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), message);
  }

  const TemporaryDirectory directory_{"load_model_test"};
};

}  // namespace chorus::runner
