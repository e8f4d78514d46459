#include "runner_server/tokenizer/tokenizer_class.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace chorus::runner {
namespace {

using nlohmann::json;
using Kind = TokenizerClass::Kind;
using Role = std::pair<std::string_view, std::string_view>;

constexpr std::array<Role, 3> kGpt2Roles = {{
    {"bos_token", "<|endoftext|>"},
    {"eos_token", "<|endoftext|>"},
    {"unk_token", "<|endoftext|>"},
}};
constexpr std::array<Role, 3> kQwen2Roles = {{
    {"eos_token", "<|endoftext|>"},
    {"unk_token", "<|endoftext|>"},
    {"pad_token", "<|endoftext|>"},
}};
constexpr std::array<Role, 5> kBertRoles = {{
    {"unk_token", "[UNK]"},
    {"sep_token", "[SEP]"},
    {"pad_token", "[PAD]"},
    {"cls_token", "[CLS]"},
    {"mask_token", "[MASK]"},
}};
constexpr std::array<Role, 7> kRobertaRoles = {{
    {"bos_token", "<s>"},
    {"eos_token", "</s>"},
    {"unk_token", "<unk>"},
    {"sep_token", "</s>"},
    {"pad_token", "<pad>"},
    {"cls_token", "<s>"},
    {"mask_token", "<mask>"},
}};
constexpr std::array<Role, 7> kMpnetRoles = {{
    {"bos_token", "<s>"},
    {"eos_token", "</s>"},
    {"unk_token", "[UNK]"},
    {"sep_token", "</s>"},
    {"pad_token", "<pad>"},
    {"cls_token", "<s>"},
    {"mask_token", "<mask>"},
}};
constexpr std::array<Role, 7> kAlbertRoles = {{
    {"bos_token", "[CLS]"},
    {"eos_token", "[SEP]"},
    {"unk_token", "<unk>"},
    {"sep_token", "[SEP]"},
    {"pad_token", "<pad>"},
    {"cls_token", "[CLS]"},
    {"mask_token", "[MASK]"},
}};
constexpr std::array<Role, 7> kDebertaRoles = {{
    {"bos_token", "[CLS]"},
    {"eos_token", "[SEP]"},
    {"unk_token", "[UNK]"},
    {"sep_token", "[SEP]"},
    {"pad_token", "[PAD]"},
    {"cls_token", "[CLS]"},
    {"mask_token", "[MASK]"},
}};
constexpr std::array<Role, 3> kT5Roles = {{
    {"eos_token", "</s>"},
    {"unk_token", "<unk>"},
    {"pad_token", "<pad>"},
}};
constexpr std::array<Role, 3> kLlamaRoles = {{
    {"bos_token", "<s>"},
    {"eos_token", "</s>"},
    {"unk_token", "<unk>"},
}};
constexpr std::array<Role, 4> kGemmaRoles = {{
    {"bos_token", "<bos>"},
    {"eos_token", "<eos>"},
    {"unk_token", "<unk>"},
    {"pad_token", "<pad>"},
}};

constexpr TokenizerClass kGenericClass = {"", Kind::kGeneric, {}};
constexpr TokenizerClass kClasses[] = {
    {"Albert", Kind::kAlbert, kAlbertRoles, true},
    {"Bart", Kind::kRoberta, kRobertaRoles, true},
    {"Bert", Kind::kBert, kBertRoles},
    {"CodeGen", Kind::kGpt2, kGpt2Roles},
    {"CodeLlama", Kind::kLlama, kLlamaRoles},
    {"ConvBert", Kind::kBert, kBertRoles},
    {"DebertaV2", Kind::kDeberta, kDebertaRoles},
    {"DistilBert", Kind::kBert, kBertRoles},
    {"Electra", Kind::kBert, kBertRoles},
    {"GPT2", Kind::kGpt2, kGpt2Roles},
    {"GPTNeoX", Kind::kFramed, kGpt2Roles},
    {"Gemma", Kind::kGemma, kGemmaRoles},
    {"Llama", Kind::kLlama, kLlamaRoles},
    {"Longformer", Kind::kRoberta, kRobertaRoles, true},
    {"MPNet", Kind::kMpnet, kMpnetRoles, true},
    {"MT5", Kind::kT5, kT5Roles},
    {"MobileBert", Kind::kBert, kBertRoles},
    {"Qwen2", Kind::kQwen2, kQwen2Roles},
    {"Roberta", Kind::kRoberta, kRobertaRoles, true},
    {"SqueezeBert", Kind::kBert, kBertRoles},
    {"T5", Kind::kT5, kT5Roles},
    {"XLMRoberta", Kind::kXlmRoberta, kRobertaRoles, true},
};

// model_type of config.json, and the class's name.
constexpr std::pair<std::string_view, std::string_view> kModelTypes[] = {
    {"albert", "Albert"},
    {"bart", "Bart"},
    {"bert", "Bert"},
    {"codegen", "CodeGen"},
    {"convbert", "ConvBert"},
    {"deberta-v2", "DebertaV2"},
    {"distilbert", "DistilBert"},
    {"electra", "Electra"},
    {"gemma", "Gemma"},
    {"gemma2", "Gemma"},
    {"gemma3", "Gemma"},
    {"gemma3_text", "Gemma"},
    {"gpt2", "GPT2"},
    {"gpt_bigcode", "GPT2"},
    {"gpt_neo", "GPT2"},
    {"gpt_neox", "GPTNeoX"},
    {"gptj", "GPT2"},
    {"llama", "Llama"},
    {"longformer", "Longformer"},
    {"mistral", "Llama"},
    {"mixtral", "Llama"},
    {"mobilebert", "MobileBert"},
    {"mpnet", "MPNet"},
    {"mt5", "MT5"},
    {"olmo", "GPTNeoX"},
    {"olmo2", "GPTNeoX"},
    {"opt", "GPT2"},
    {"phi", "CodeGen"},
    {"phi3", "Llama"},
    {"qwen2", "Qwen2"},
    {"qwen3", "Qwen2"},
    {"roberta", "Roberta"},
    {"squeezebert", "SqueezeBert"},
    {"stablelm", "GPTNeoX"},
    {"starcoder2", "GPT2"},
    {"t5", "T5"},
    {"xlm-roberta", "XLMRoberta"},
};

bool HasType(const json& object, std::string_view type) {
  return object.is_object() && object.contains("type") && object["type"] == type;
}

void SetIfThere(json& object, const char* key, const json& value) {
  if (object.is_object() && object.contains(key)) object[key] = value;
}

const std::string& Content(const TokenizerConfig& config, const char* role) {
  static const std::string none;
  const auto found = config.special_tokens.find(role);
  return found == config.special_tokens.end() ? none : found->second.content;
}

json BeginAndEndTemplate(const TokenizerConfig& config, bool begins, bool ends) {
  const auto token = [&](const char* role, int type_id) {
    return json{{"SpecialToken", {{"id", Content(config, role)}, {"type_id", type_id}}}};
  };
  json pair = json::array();
  json single;
  for (int type_id = 0; type_id < 2; ++type_id) {
    if (begins) pair.push_back(token("bos_token", type_id));
    pair.push_back({{"Sequence", {{"id", type_id == 0 ? "A" : "B"}, {"type_id", type_id}}}});
    if (ends) pair.push_back(token("eos_token", type_id));
    if (type_id == 0) single = pair;
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}};
}

}  // namespace

bool IsGenericClass(std::string_view class_name) {
  return class_name == "PreTrainedTokenizerFast" || class_name == "PreTrainedTokenizer" ||
         class_name == "TokenizersBackend";
}

const TokenizerClass& FindTokenizerClass(std::string_view class_name, std::string_view model_type) {
  std::string_view name = class_name;
  if (name.ends_with("Fast")) name.remove_suffix(4);
  if (name.ends_with("Tokenizer")) name.remove_suffix(9);
  if (class_name.empty()) {
    const auto type = std::find_if(std::begin(kModelTypes), std::end(kModelTypes),
                                   [&](const auto& row) { return row.first == model_type; });
    if (type != std::end(kModelTypes)) name = type->second;
  }
  const auto found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                  [&](const TokenizerClass& row) { return row.name == name; });
  return found == std::end(kClasses) ? kGenericClass : *found;
}

void SetDefaultSpecialTokens(const TokenizerClass& tokenizer_class, TokenizerConfig& config) {
  for (const auto& [role, content] : tokenizer_class.special_tokens) {
    AddedToken token = {.content = std::string(content), .special = true};
    token.lstrip = tokenizer_class.mask_strips_left && role == "mask_token";
    config.special_tokens.try_emplace(std::string(role), std::move(token));
  }
  if (config.mask_is_plain && tokenizer_class.mask_strips_left) {
    config.special_tokens["mask_token"].lstrip = true;
  }
}

void ApplySettings(const TokenizerClass& tokenizer_class, const TokenizerConfig& config,
                   TokenizerSpec& spec) {
  if (HasType(spec.pre_tokenizer, "ByteLevel")) {
    // The config's word, or its default, counts even against that of a tokenizer.json.
    spec.pre_tokenizer["add_prefix_space"] = config.add_prefix_space.value_or(false);
  }
  if (IsGenericClass(config.tokenizer_class)) return;
  if (HasType(spec.normalizer, "BertNormalizer")) {
    // Not before the added tokens have been normalized.
    spec.added_token_normalizer = spec.normalizer;
    spec.normalizer["lowercase"] = config.do_lower_case.value_or(true);
    spec.normalizer["strip_accents"] =
        config.strip_accents ? json(*config.strip_accents) : json(nullptr);
    if (tokenizer_class.kind != Kind::kMpnet) {
      spec.normalizer["handle_chinese_chars"] = config.tokenize_chinese_chars.value_or(true);
    }
  }
  if (tokenizer_class.kind == Kind::kRoberta) {
    // (That of transformers 4 makes its <mask> strip, too; 5 leaves that to the file.)
    SetIfThere(spec.post_processor, "trim_offsets", config.trim_offsets.value_or(true));
    SetIfThere(spec.post_processor, "add_prefix_space", config.add_prefix_space.value_or(false));
  }
  FrameAsAsked(tokenizer_class, config, spec);
}

void FrameAsAsked(const TokenizerClass& tokenizer_class, const TokenizerConfig& config,
                  TokenizerSpec& spec) {
  const bool is_llama =
      tokenizer_class.kind == Kind::kLlama || tokenizer_class.kind == Kind::kGemma;
  if (!is_llama && tokenizer_class.kind != Kind::kFramed) return;
  spec.post_processor = BeginAndEndTemplate(config, config.add_bos_token.value_or(is_llama),
                                            config.add_eos_token.value_or(false));
}

}  // namespace chorus::runner
