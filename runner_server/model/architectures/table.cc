#include "runner_server/model/architectures/table.h"

#include <cmath>

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
