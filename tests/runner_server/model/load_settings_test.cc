// What LoadModel takes of settings beside the architecture.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/runner_server/model/load_model_fixture.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LoadSettingsTest : public LoadModelFixture {};

TEST_F(LoadSettingsTest, AGenerationConfigWithoutAnEndHasNone) {
  Write(SmallGpt2(), RandomGpt2(SmallGpt2()));
  std::ofstream(directory_.path() / "generation_config.json")
      << R"({"eos_token_id": null, "num_beams": 2})";
  const absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->eos_token_ids, testing::IsEmpty());
  EXPECT_THAT(loaded->generation_warning, HasSubstr("num_beams"));
}

TEST_F(LoadSettingsTest, RefusesQuantisedWeightsByName) {
  for (const auto& [quantization, name] : std::vector<std::pair<nlohmann::json, std::string>>{
           {{{"quant_method", "gptq"}, {"bits", 4}}, "gptq"},
           {{{"quant_method", "fp8"}}, "fp8"},
           {{{"load_in_8bit", true}}, "bitsandbytes"},
           {nlohmann::json::object(), "{}"}}) {
    nlohmann::json config = SmallGpt2();
    config["quantization_config"] = quantization;
    Write(config, RandomGpt2(config));
    ExpectFailure(absl::StatusCode::kInvalidArgument,
                  AllOf(HasSubstr("config.json: quantization_config: the weights are quantised (" +
                                  name + ")"),
                        HasSubstr("save the model unquantised")));
  }
}

}  // namespace
}  // namespace chorus::runner
