// The configs of the further generators: Hugging Face's defaults, what each field does, and what is
// refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<Architecture> TryRead(const std::string& model_type, const json& config) {
  for (const ArchitectureRow& row : ArchitectureTable()) {
    if (row.model_type != model_type) continue;
    ConfigReader reader(config);
    const Architecture architecture = row.read(reader);
    if (!reader.status().ok()) return reader.status();
    return architecture;
  }
  return absl::NotFoundError(model_type);
}

Architecture Read(const std::string& model_type, const json& config = json::object()) {
  const absl::StatusOr<Architecture> read = TryRead(model_type, config);
  EXPECT_TRUE(read.ok()) << model_type << ": " << read.status();
  return read.value_or(Architecture());
}

const LanguageModelHead& Head(const Architecture& architecture) {
  return std::get<LanguageModelHead>(architecture.head);
}

std::vector<int> Windows(const Architecture& architecture) {
  std::vector<int> windows;
  for (const LayerAttention& layer : architecture.attention) windows.push_back(layer.window);
  return windows;
}

TEST(ReadGenerators, HaveHuggingFacesDefaults) {
  struct Defaults {
    const char* model_type;
    int vocab_size, context_size, hidden_size, num_layers, num_heads, num_kv_heads, head_size,
        inner_size;
    bool tied;
    int bos;
    std::vector<int32_t> eos;
  };
  for (const Defaults& expected : std::vector<Defaults>{
           {"gpt_neo", 50257, 2048, 2048, 24, 16, 16, 128, 8192, true, 50256, {50256}},
           {"gpt_neox", 50432, 2048, 6144, 44, 64, 64, 96, 24576, false, 0, {2}},
           {"opt", 50272, 2048, 768, 12, 12, 12, 64, 3072, true, 2, {2}},
           {"llama", 32000, 2048, 4096, 32, 32, 32, 128, 11008, false, 1, {2}},
           {"mistral", 32000, 131072, 4096, 32, 32, 8, 128, 14336, false, 1, {2}},
           {"qwen2", 151936, 32768, 4096, 32, 32, 32, 128, 22016, false, -1, {}},
           {"qwen3", 151936, 32768, 4096, 32, 32, 32, 128, 22016, false, -1, {}},
           {"phi3", 32064, 4096, 3072, 32, 32, 32, 96, 8192, false, 1, {32000}},
           {"gemma2", 256000, 8192, 2304, 26, 8, 4, 256, 9216, true, 2, {1}},
           {"gemma3_text", 262208, 131072, 2304, 26, 8, 4, 256, 9216, true, 2, {1}}}) {
    SCOPED_TRACE(expected.model_type);
    const Architecture actual = Read(expected.model_type);
    EXPECT_EQ(actual.vocab_size, expected.vocab_size);
    EXPECT_EQ(actual.context_size, expected.context_size);
    EXPECT_EQ(actual.hidden_size, expected.hidden_size);
    EXPECT_EQ(actual.num_layers, expected.num_layers);
    EXPECT_EQ(actual.num_heads, expected.num_heads);
    EXPECT_EQ(actual.num_kv_heads, expected.num_kv_heads);
    EXPECT_EQ(actual.head_size, expected.head_size);
    EXPECT_EQ(actual.inner_size, expected.inner_size);
    EXPECT_EQ(Head(actual).tied, expected.tied);
    EXPECT_EQ(Head(actual).bos_token_id, expected.bos);
    EXPECT_EQ(Head(actual).eos_token_ids, expected.eos);
    EXPECT_EQ(actual.attention.size(), static_cast<size_t>(expected.num_layers));
  }
}

TEST(ReadGptNeo, AttendsByTypesAndScalesNothing) {
  const Architecture neo =
      Read("gpt_neo",
           {{"num_layers", 5},
            {"window_size", 7},
            {"attention_types", json::parse(R"([[["global", "local"], 2], [["local"], 1]])")}});
  EXPECT_THAT(Windows(neo), ElementsAre(0, 7, 0, 7, 7));
  EXPECT_EQ(neo.attention[0].scale, 1.0f);
}

TEST(ReadMistral, AWindowOfNullIsNone) {
  EXPECT_EQ(Read("mistral").attention[0].window, 4096);
  EXPECT_EQ(Read("mistral", {{"sliding_window", nullptr}}).attention[31].window, 0);
}

TEST(ReadMistral, KeyAndValueHeadsOfNullAreAsManyAsHeads) {
  EXPECT_EQ(Read("mistral", {{"num_key_value_heads", nullptr}}).num_kv_heads, 32);
}

TEST(ReadQwen2, HasWindowsFromALayerOn) {
  json config = {{"num_hidden_layers", 4}, {"sliding_window", 5}, {"max_window_layers", 2}};
  EXPECT_THAT(Windows(Read("qwen2", config)), ElementsAre(0, 0, 0, 0));
  config["use_sliding_window"] = true;
  EXPECT_THAT(Windows(Read("qwen2", config)), ElementsAre(0, 0, 5, 5));
  config["layer_types"] = {"sliding_attention", "full_attention", "full_attention",
                           "full_attention"};
  EXPECT_THAT(Windows(Read("qwen2", config)), ElementsAre(5, 0, 0, 0));
}

TEST(ReadGemma2, AlternatesWindowsAndCaps) {
  const Architecture gemma =
      Read("gemma2", {{"num_hidden_layers", 3}, {"attn_logit_softcapping", nullptr}});
  EXPECT_THAT(Windows(gemma), ElementsAre(4096, 0, 4096));
  EXPECT_EQ(gemma.attention_soft_cap, 0);
  EXPECT_EQ(Head(gemma).logit_soft_cap, 30);
  EXPECT_EQ(gemma.attention[0].scale, 1.0f / 16);
  EXPECT_EQ(gemma.embedding_scale, 48);
  EXPECT_EQ(Read("gemma2").attention_soft_cap, 50);
}

TEST(ReadGemma3, LayersWithWindowsHavePositionsOfTheirOwn) {
  const json scaling = {{"rope_type", "linear"}, {"factor", 8.0}};
  const Architecture gemma =
      Read("gemma3_text", {{"num_hidden_layers", 7}, {"rope_scaling", scaling}});
  EXPECT_THAT(Windows(gemma), ElementsAre(4096, 4096, 4096, 4096, 4096, 0, 4096));
  const auto& global = gemma.rotaries[gemma.attention[5].rotary];
  const auto& local = gemma.rotaries[gemma.attention[6].rotary];
  EXPECT_EQ(global.frequencies[0], 1.0f / 8);
  EXPECT_EQ(local.frequencies[0], 1);
  EXPECT_NEAR(global.frequencies[64], 1e-3 / 8, 1e-9);
  EXPECT_NEAR(local.frequencies[64], 1e-2, 1e-8);
  // As transformers 5 writes it.
  const Architecture newer =
      Read("gemma3_text",
           {{"num_hidden_layers", 7},
            {"rope_parameters",
             {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
              {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}}}});
  EXPECT_EQ(newer.rotaries[0].frequencies, gemma.rotaries[0].frequencies);
  EXPECT_EQ(newer.rotaries[1].frequencies, gemma.rotaries[1].frequencies);
}

// transformers' Gemma 3 has the setting, and does nothing with it.
TEST(ReadGemma3, CapsNoScores) {
  const Architecture gemma =
      Read("gemma3_text", {{"attn_logit_softcapping", 2.0}, {"final_logit_softcapping", 4.0}});
  EXPECT_EQ(gemma.attention_soft_cap, 0);
  EXPECT_EQ(Head(gemma).logit_soft_cap, 4);
}

TEST(ReadGenerators, TakeTheOtherNamesOfFields) {
  const Architecture gpt2 = Read("gpt2", {{"hidden_size", 24},
                                          {"num_attention_heads", 3},
                                          {"num_hidden_layers", 2},
                                          {"max_position_embeddings", 17},
                                          {"n_embd", 32}});
  EXPECT_EQ(gpt2.hidden_size, 24);
  EXPECT_EQ(gpt2.inner_size, 96);
  EXPECT_EQ(gpt2.num_heads, 3);
  EXPECT_EQ(gpt2.num_layers, 2);
  EXPECT_EQ(gpt2.context_size, 17);
  const Architecture neo = Read("gpt_neo", {{"num_attention_heads", 4}, {"num_hidden_layers", 3}});
  EXPECT_EQ(neo.num_heads, 4);
  EXPECT_EQ(neo.num_layers, 3);
  EXPECT_THAT(Windows(neo), ElementsAre(0, 256, 0));
}

TEST(ReadGenerators, TakeEveryNameOfAnActivation) {
  for (const ActivationName& row : kActivationNames) {
    EXPECT_EQ(Read("llama", {{"hidden_act", row.name}}).activation, row.activation) << row.name;
  }
  for (const char* name :
       {"gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"}) {
    EXPECT_EQ(Read("llama", {{"hidden_act", name}}).activation, Activation::kGeluTanh) << name;
  }
  for (const char* name : {"gelu", "gelu_python"}) {
    EXPECT_EQ(Read("llama", {{"hidden_act", name}}).activation, Activation::kGeluErf) << name;
  }
  for (const char* name : {"prelu", "xielu", "GELU", ""}) {
    EXPECT_THAT(std::string(TryRead("llama", {{"hidden_act", name}}).status().message()),
                HasSubstr(std::string("linear: ") + name));
  }
}

TEST(ReadOpt, Opt350mHasNormsBehindAndNarrowEmbeddings) {
  const Architecture opt =
      Read("opt", {{"do_layer_norm_before", false}, {"word_embed_proj_dim", 512}});
  EXPECT_EQ(opt.embedding_size, 512);
  EXPECT_EQ(opt.names.final_norm, "");
  EXPECT_EQ(opt.names.attention_norms.sum, "self_attn_layer_norm");
  EXPECT_EQ(opt.names.attention_norms.before, "");
  EXPECT_EQ(opt.num_positions(), 2050);
}

TEST(AddRotaryPositions, ReadsEveryType) {
  const auto rotary = [](const json& scaling, json config = {{"head_dim", 64}}) {
    config["rope_scaling"] = scaling;
    const Architecture llama = Read("llama", config);
    return llama.rotaries.empty() ? RotaryPositions() : llama.rotaries[0];
  };
  const RotaryPositions plain = rotary(nullptr);
  ASSERT_EQ(plain.frequencies.size(), 32u);
  EXPECT_EQ(plain.frequencies[0], 1);
  EXPECT_NEAR(plain.frequencies[16], 0.01, 1e-8);
  EXPECT_EQ(plain.scale, 1);
  EXPECT_EQ(rotary({{"rope_type", "dynamic"}, {"factor", 4.0}}).frequencies, plain.frequencies);
  EXPECT_EQ(rotary({{"type", "linear"}, {"factor", 4.0}}).frequencies[0], 0.25f);

  const RotaryPositions llama3 = rotary({{"rope_type", "llama3"},
                                         {"factor", 8.0},
                                         {"low_freq_factor", 1.0},
                                         {"high_freq_factor", 4.0},
                                         {"original_max_position_embeddings", 8192}});
  EXPECT_EQ(llama3.frequencies[0], 1);  // Fast ones stay, slow ones are stretched.
  EXPECT_NEAR(llama3.frequencies[31], plain.frequencies[31] / 8, 1e-9);

  const RotaryPositions yarn = rotary({{"rope_type", "yarn"}, {"factor", 4.0}});
  EXPECT_EQ(yarn.frequencies[0], 1);
  EXPECT_NEAR(yarn.frequencies[31], plain.frequencies[31] / 4, 1e-9);
  EXPECT_NEAR(yarn.scale, 0.1 * std::log(4.0) + 1, 1e-6);
}

TEST(AddRotaryPositions, LongRopeEndsTheContextWhereItWouldChangeAllPositions) {
  const std::vector<float> factors(48, 2);
  const Architecture phi =
      Read("phi3", {{"max_position_embeddings", 131072},
                    {"rope_scaling",
                     {{"type", "longrope"}, {"short_factor", factors}, {"long_factor", factors}}}});
  EXPECT_EQ(phi.context_size, 4096);
  EXPECT_EQ(phi.rotaries[0].frequencies[0], 0.5f);
  EXPECT_NEAR(phi.rotaries[0].scale, std::sqrt(1 + std::log(32.0) / std::log(4096.0)), 1e-6);
}

TEST(AddRotaryPositions, TurnsAPartOfAHead) {
  EXPECT_EQ(Read("gpt_neox").rotaries[0].frequencies.size(), 12u);  // A quarter of 96, in pairs.
  EXPECT_EQ(Read("phi3", {{"partial_rotary_factor", 0.5}}).rotaries[0].frequencies.size(), 24u);
}

TEST(AddRotaryPositions, TurnsADimensionMoreThanAnOddNumber) {
  const Architecture neox = Read("gpt_neox", {{"rotary_pct", 0.0735}});
  ASSERT_EQ(neox.rotaries[0].frequencies.size(), 4u);  // int(7.056) is 7.
  EXPECT_NEAR(neox.rotaries[0].frequencies[1], std::pow(10000, -2.0 / 7), 1e-7);
  // As Python's int() has it: 100 * 0.29 is below 29.
  const Architecture below = Read("gpt_neox", {{"hidden_size", 6400}, {"rotary_pct", 0.29}});
  EXPECT_EQ(below.rotaries[0].frequencies.size(), 14u);
}

TEST(AddRotaryPositions, ReadsWhatTransformers5Writes) {
  const Architecture llama =
      Read("llama", {{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1e6}}}});
  EXPECT_NEAR(llama.rotaries[0].frequencies[32], 1e-3, 1e-9);
}

// One config that must be refused, and what the message must say.
struct Refusal {
  const char* model_type;
  json config;
  const char* message;
};

TEST(ReadGenerators, RefuseByName) {
  const json longrope = {{"type", "longrope"}, {"short_factor", {1.0, 2.0}}};
  for (const auto& [model_type, config, message] : std::vector<Refusal>{
           {"llama", {{"hidden_act", "prelu"}}, "hidden_act must be one of gelu, "},
           {"llama", {{"num_key_value_heads", 5}}, "must be a multiple of num_key_value_heads 5"},
           {"llama", {{"hidden_size", 100}}, "must be a multiple of num_attention_heads 32: 100"},
           {"llama", {{"head_dim", 5}}, "the next even number of an odd one, at most 5: 5"},
           {"gpt_neox",
            {{"rotary_pct", 0.26},
             {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}},
             {"hidden_size", 5888}},
            "yarn must have an even number of dimensions with rotary positions: 23"},
           {"llama",
            {{"rope_scaling", {{"rope_type", "mrope"}}}},
            "rope_scaling.rope_type must be"},
           {"llama", {{"rope_scaling", {{"type", "linear"}}}}, "rope_scaling.factor: missing"},
           {"llama",
            {{"rope_scaling", {{"type", "linear"}, {"factor", "2"}}}},
            "rope_scaling.factor must be a number"},
           {"phi3", {{"rope_scaling", longrope}}, "short_factor must have 48 numbers: 2"},
           {"gpt_neo", {{"num_layers", 3}}, "one kind for each of num_layers: 24"},
           {"gpt_neo", {{"attention_types", 7}}, "attention_types must be a list of pairs"},
           {"opt", {{"layer_norm_elementwise_affine", false}}, "layer_norm_elementwise_affine"},
           {"gemma2", {{"layer_types", {"full_attention"}}}, "one entry for each layer: 1"},
           {"gemma3_text", {{"use_bidirectional_attention", true}}, "use_bidirectional_attention"},
           {"gpt_neox", {{"rotary_pct", 1.5}}, "rotary_pct must be a number from 0 to 1"}}) {
    const absl::Status status = TryRead(model_type, config).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << model_type << " " << config;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace chorus::runner
