#pragma once

// The supported architectures: name in config.json and reader. To add one: a reader in NAME.cc
// beside this file, its declaration here, and a row in table.cc.
//
// A reader reads every field, with Hugging Face's defaults; errors are in ConfigReader::status().
// Thread safety: free functions without state.

#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/config_reader.h"

namespace chorus::runner {

struct ArchitectureRow {
  std::string_view name;  // In config.json's "architectures", such as "GPT2LMHeadModel".
  std::string_view
      model_type;  // That tells it in a config without "architectures": the first such.
  Architecture (*read)(ConfigReader& config);
  // An encoder without a classification head: an embedder. What is read has the head that the
  // family's classifiers have.
  bool is_headless = false;
};

std::span<const ArchitectureRow> ArchitectureTable();

Architecture ReadGpt2(ConfigReader& config);
Architecture ReadBert(ConfigReader& config);
Architecture ReadDistilBert(ConfigReader& config);
Architecture ReadRoberta(ConfigReader& config);
Architecture ReadXlmRoberta(ConfigReader& config);
Architecture ReadElectra(ConfigReader& config);
Architecture ReadAlbert(ConfigReader& config);
Architecture ReadModernBert(ConfigReader& config);
Architecture ReadGptNeo(ConfigReader& config);
Architecture ReadGptNeoX(ConfigReader& config);
Architecture ReadOpt(ConfigReader& config);
Architecture ReadLlama(ConfigReader& config);
Architecture ReadMistral(ConfigReader& config);
Architecture ReadQwen2(ConfigReader& config);
Architecture ReadQwen3(ConfigReader& config);
Architecture ReadPhi3(ConfigReader& config);
Architecture ReadGemma2(ConfigReader& config);
Architecture ReadGemma3(ConfigReader& config);

// What several of them have in common.

// The head of a ...ForCausalLM; `defaults` are Hugging Face's.
LanguageModelHead ReadLanguageModelHead(ConfigReader& config, int vocab_size,
                                        LanguageModelHead defaults);
// Every layer attends as `attention` says; its scale, if 0, is 1 / sqrt(head size).
void AttendAlike(Architecture& architecture, LayerAttention attention = {.scale = 0});
// Hugging Face's defaults of a config like Llama's.
struct LlamaDefaults {
  int vocab_size = 0;
  int context_size = 0;
  int hidden_size = 0;
  int inner_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;  // 0: num_heads.
  int head_size = 0;     // 0: hidden_size / num_heads.
  float norm_epsilon = 1e-6f;
  const char* activation_field = "hidden_act";
  const char* activation = "silu";
};
// Llama up to its positions and biases, of which it has none, and its head.
Architecture ReadLlamaBody(ConfigReader& config, const LlamaDefaults& defaults);

// Qwen2 up to its biases. 0: a head's size is hidden_size / num_attention_heads.
Architecture ReadQwenBody(ConfigReader& config, int head_size);

// What Hugging Face's Gemma 2 and 3 do not share of their defaults.
struct GemmaDefaults {
  int vocab_size = 0;
  int context_size = 0;
  float logit_soft_cap = 0;
};
// Gemma 2 up to its positions, windows and cap of scores.
Architecture ReadGemmaBody(ConfigReader& config, const GemmaDefaults& defaults);

// Adds rotary positions of the first `dimensions` of a head, by config.json's `object`, which may
// be missing: rope_scaling, or transformers 5's rope_parameters. May shorten the context. Returns
// their index. `original_context` is Hugging Face's default of original_max_position_embeddings; 0:
// as max_position_embeddings.
int AddRotaryPositions(ConfigReader& config, const std::string& object, float theta, int dimensions,
                       Architecture& architecture, int original_context = 0);
// The object, and with it partial_rotary_factor, of a config with one kind of rotary positions.
int AddRotaryPositions(ConfigReader& config, float theta, double part_of_head,
                       Architecture& architecture, int original_context = 0);

// Gives the layers that "layer_types" calls sliding_attention a window; without it those that
// `slides` does.
void AddWindows(ConfigReader& config, int window, absl::FunctionRef<bool(int layer)> slides,
                Architecture& architecture);

// For an architecture without windows: transformers' caches have them where the config does, so
// that what it generates is not what the architecture computes. Refuses what may make a difference.
void RefuseWindows(ConfigReader& config, const Architecture& architecture);

// Refuses "layer_types" with windows, for `reason`.
void RefuseLayerTypes(ConfigReader& config, const char* reason);

// Refuses what changes the arithmetic of any architecture that does not know it.
void RefuseWhatFewRead(ConfigReader& config, const Architecture& architecture);

// The labels of a ...ForSequenceClassification, and what makes scores of its logits, by the rules
// of transformers' text-classification pipeline.
ClassificationHead ReadClassificationHead(ConfigReader& config);
// Hugging Face's defaults of a config like BERT's.
struct BertDefaults {
  int vocab_size = 30522;
  int hidden_size = 768;
  int num_heads = 12;
  int inner_size = 3072;
  const char* activation = "gelu";
};
// BERT up to its head.
Architecture ReadBertBody(ConfigReader& config, const BertDefaults& defaults = {});
// RoBERTa but for its vocabulary's default size.
Architecture ReadRobertaBody(ConfigReader& config, int vocab_size);

}  // namespace chorus::runner
