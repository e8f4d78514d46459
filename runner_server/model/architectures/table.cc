#include "runner_server/model/architectures/table.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/model_file.h"

namespace chorus::runner {
namespace {

constexpr bool kHeadless = true;

}  // namespace

std::span<const ArchitectureRow> ArchitectureTable() {
  static constexpr ArchitectureRow kTable[] = {
      {"GPT2LMHeadModel", "gpt2", ReadGpt2},
      {"GPTNeoForCausalLM", "gpt_neo", ReadGptNeo},
      {"GPTNeoXForCausalLM", "gpt_neox", ReadGptNeoX},
      {"OPTForCausalLM", "opt", ReadOpt},
      {"LlamaForCausalLM", "llama", ReadLlama},
      {"MistralForCausalLM", "mistral", ReadMistral},
      {"Qwen2ForCausalLM", "qwen2", ReadQwen2},
      {"Qwen3ForCausalLM", "qwen3", ReadQwen3},
      {"Phi3ForCausalLM", "phi3", ReadPhi3},
      {"Gemma2ForCausalLM", "gemma2", ReadGemma2},
      {"Gemma3ForCausalLM", "gemma3_text", ReadGemma3},
      {"BertForSequenceClassification", "bert", ReadBert},
      {"BertModel", "bert", ReadBert, kHeadless},
      {"BertForMaskedLM", "bert", ReadBert, kHeadless},
      {"BertForPreTraining", "bert", ReadBert, kHeadless},
      {"DistilBertForSequenceClassification", "distilbert", ReadDistilBert},
      {"DistilBertModel", "distilbert", ReadDistilBert, kHeadless},
      {"DistilBertForMaskedLM", "distilbert", ReadDistilBert, kHeadless},
      {"RobertaForSequenceClassification", "roberta", ReadRoberta},
      {"RobertaModel", "roberta", ReadRoberta, kHeadless},
      {"RobertaForMaskedLM", "roberta", ReadRoberta, kHeadless},
      {"XLMRobertaForSequenceClassification", "xlm-roberta", ReadXlmRoberta},
      {"XLMRobertaModel", "xlm-roberta", ReadXlmRoberta, kHeadless},
      {"XLMRobertaForMaskedLM", "xlm-roberta", ReadXlmRoberta, kHeadless},
      {"ElectraForSequenceClassification", "electra", ReadElectra},
      {"ElectraModel", "electra", ReadElectra, kHeadless},
      {"ElectraForPreTraining", "electra", ReadElectra, kHeadless},
      {"ElectraForMaskedLM", "electra", ReadElectra, kHeadless},
      {"AlbertForSequenceClassification", "albert", ReadAlbert},
      {"AlbertModel", "albert", ReadAlbert, kHeadless},
      {"AlbertForMaskedLM", "albert", ReadAlbert, kHeadless},
      {"AlbertForPreTraining", "albert", ReadAlbert, kHeadless},
      {"ModernBertForSequenceClassification", "modernbert", ReadModernBert},
      {"ModernBertModel", "modernbert", ReadModernBert, kHeadless},
      {"ModernBertForMaskedLM", "modernbert", ReadModernBert, kHeadless},
  };
  return kTable;
}

LanguageModelHead ReadLanguageModelHead(ConfigReader& config, int vocab_size,
                                        LanguageModelHead defaults) {
  LanguageModelHead head = defaults;
  head.tied = config.Bool("tie_word_embeddings", defaults.tied);
  head.bos_token_id = config.TokenId("bos_token_id", defaults.bos_token_id, vocab_size);
  head.eos_token_ids = config.TokenIds("eos_token_id", defaults.eos_token_ids, vocab_size);
  return head;
}

void AttendAlike(Architecture& architecture, LayerAttention attention) {
  if (attention.scale == 0) {
    attention.scale = 1.0f / std::sqrt(static_cast<float>(architecture.head_size));
  }
  architecture.attention.assign(architecture.num_layers, attention);
}

void AddWindows(ConfigReader& config, int window, absl::FunctionRef<bool(int layer)> slides,
                Architecture& architecture) {
  std::vector<LayerAttention>& layers = architecture.attention;
  const std::vector<std::string> types = config.Strings("layer_types");
  if (!types.empty() && types.size() != layers.size()) {
    config.Refuse("layer_types must have one entry for each layer", std::to_string(types.size()));
    return;
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string type = !types.empty()                ? types[i]
                             : slides(static_cast<int>(i)) ? "sliding_attention"
                                                           : "full_attention";
    if (type == "sliding_attention") {
      layers[i].window = window;
    } else if (type != "full_attention") {
      config.Refuse("layer_types must be sliding_attention or full_attention", type);
    }
  }
}

void RefuseLayerTypes(ConfigReader& config, const char* reason) {
  for (const std::string& type : config.Strings("layer_types")) {
    if (type == "full_attention") continue;
    config.Refuse(absl::StrCat("layer_types must be full_attention: ", reason), type);
  }
}

void RefuseWindows(ConfigReader& config, const Architecture& architecture) {
  const int window = config.Integer("sliding_window", 0, 0, 1 << 30);
  if (window > 0 && window < architecture.context_size) {
    config.Refuse("sliding_window must be null: the architecture has no windows",
                  std::to_string(window));
  }
  RefuseLayerTypes(config, "the architecture has no windows");
}

void RefuseWhatFewRead(ConfigReader& config, const Architecture& architecture) {
  if (const nlohmann::json* heads = config.Find("pruned_heads"); heads && !heads->empty()) {
    config.Refuse("pruned_heads must be empty", ShownJson(*heads));
  }
  if (!architecture.rotaries.empty() &&
      config.Integer("head_dim", architecture.head_size, 1, 1 << 12) != architecture.head_size) {
    config.Refuse(
        absl::StrCat("head_dim must be ", architecture.head_size, " for this architecture"),
        ShownJson(*config.Find("head_dim")));
  }
  const bool has_whole_rotary =
      std::ranges::any_of(architecture.rotaries, [&](const RotaryPositions& rotary) {
        return 2 * std::ssize(rotary.frequencies) >= architecture.head_size;
      });
  const double part = config.Double("partial_rotary_factor", 1, 0, 1);
  if (has_whole_rotary && part != 1) {
    config.Refuse("partial_rotary_factor must be 1 for this architecture", absl::StrCat(part));
  }
  if (!std::holds_alternative<LanguageModelHead>(architecture.head)) return;
  config.RequireBool("is_encoder_decoder", false);
  const int chunk = config.Integer("attention_chunk_size", 0, 0, 1 << 30);
  if (chunk > 0 && chunk < architecture.context_size) {
    config.Refuse("attention_chunk_size must be null", std::to_string(chunk));
  }
}

ClassificationHead ReadClassificationHead(ConfigReader& config) {
  ClassificationHead head = {.labels = config.Labels()};
  head.initial_pooler.deviation = head.initial_scores.deviation =
      config.Float("initializer_range", 0.02f, 0, 100);
  const std::string problem = config.String("problem_type", "");
  if (problem == "regression") {
    head.function = ScoreFunction::kNone;
  } else if (problem == "multi_label_classification" || head.labels.size() == 1) {
    head.function = ScoreFunction::kSigmoid;
  } else if (!problem.empty() && problem != "single_label_classification") {
    config.Refuse(
        "problem_type must be regression, single_label_classification or "
        "multi_label_classification",
        problem);
  }
  return head;
}

}  // namespace chorus::runner
