// GPT-Neo (Black et al., 2021), as Hugging Face's GPTNeoForCausalLM computes it: GPT-2 with layers
// that see a window, and scores that are not scaled.
#include <nlohmann/json.hpp>

#include "base/model_file.h"
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {
namespace {

// [[["global", "local"], 12]]: the list's kinds, so many times over, one a layer.
std::vector<std::string> ReadAttentionTypes(ConfigReader& config) {
  const nlohmann::json fallback = nlohmann::json::parse(R"([[["global", "local"], 12]])");
  const nlohmann::json* given = config.Find("attention_types");
  const nlohmann::json& types = given == nullptr ? fallback : *given;
  std::vector<std::string> kinds;
  constexpr size_t kMostLayers = 1 << 10;
  try {
    for (const nlohmann::json& entry : types) {
      const auto times = entry.at(1).get<unsigned>();
      for (unsigned i = 0; i < times && kinds.size() <= kMostLayers; ++i) {
        for (const nlohmann::json& kind : entry.at(0)) kinds.push_back(kind.get<std::string>());
      }
    }
  } catch (const nlohmann::json::exception&) {
    config.Refuse("attention_types must be a list of pairs of a list and a number",
                  ShownJson(types));
  }
  return kinds;
}

}  // namespace

Architecture ReadGptNeo(ConfigReader& config) {
  Architecture neo;
  neo.vocab_size = config.Integer("vocab_size", 50257, 1, 1 << 24);
  neo.context_size = config.Integer("max_position_embeddings", 2048, 1, 1 << 20);
  neo.hidden_size = config.Integer("hidden_size", 2048, 1, 1 << 16);
  const int num_kinds = config.Integer("num_layers", 24, 1, 1 << 10);
  neo.num_layers = config.Integer("num_hidden_layers", num_kinds, 1, num_kinds);
  const char* heads = config.Given("num_attention_heads", "num_heads");
  neo.num_heads = neo.num_kv_heads = config.Integer(heads, 16, 1, 1 << 12);
  neo.inner_size = config.Integer("intermediate_size", 4 * neo.hidden_size, 1, 1 << 20);
  neo.norm_epsilon = config.Float("layer_norm_epsilon", 1e-5f, 0, 1);
  neo.activation = config.ActivationFunction("activation_function", "gelu_new");
  neo.head = ReadLanguageModelHead(config, neo.vocab_size,
                                   {.tied = true, .bos_token_id = 50256, .eos_token_ids = {50256}});
  config.RequireMultiple("hidden_size", neo.hidden_size, heads, neo.num_heads);
  neo.head_size = neo.hidden_size / neo.num_heads;
  neo.biases.qkv = false;
  AttendAlike(neo, {.scale = 1});
  std::vector<std::string> kinds = ReadAttentionTypes(config);
  const int window = config.Integer("window_size", 256, 1, 1 << 24);
  // As in Hugging Face, which checks this before it reads num_hidden_layers.
  if (kinds.size() != static_cast<size_t>(num_kinds)) {
    config.Refuse("attention_types must have one kind for each of num_layers",
                  std::to_string(kinds.size()));
    return neo;
  }
  // What transformers saves has them written out, too, and that counts there.
  if (const auto given = config.Strings("attention_layers"); !given.empty()) kinds = given;
  if (kinds.size() < neo.attention.size()) {
    config.Refuse("attention_layers must have one kind for each of num_layers",
                  std::to_string(kinds.size()));
    return neo;
  }
  for (size_t i = 0; i < neo.attention.size(); ++i) {
    if (kinds[i] == "local") {
      neo.attention[i].window = window;
    } else if (kinds[i] != "global") {
      config.Refuse("attention_types must be global or local", kinds[i]);
    }
  }

  neo.names = {.token_embedding = "wte",
               .position_embedding = "wpe",
               .layers = "h",
               .attention_norms = {.before = "ln_1"},
               .qkv = {"attn.attention.q_proj", "attn.attention.k_proj", "attn.attention.v_proj"},
               .attention_out = "attn.attention.out_proj",
               .mlp_norms = {.before = "ln_2"},
               .inner = {"mlp.c_fc"},
               .outer = "mlp.c_proj",
               .final_norm = "ln_f",
               .head = "lm_head"};
  RefuseWindows(config, neo);
  return neo;
}

}  // namespace chorus::runner
