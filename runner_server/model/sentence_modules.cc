#include "runner_server/model/sentence_modules.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/model_file.h"
#include "base/model_modules.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/model/config_reader.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

absl::Status Wrong(const fs::path& file, std::string_view what, std::string_view value) {
  return absl::InvalidArgumentError(
      absl::StrCat(file.string(), ": ", AbslView(what), ": ", AbslView(value)));
}

absl::Status InFile(const fs::path& file, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file.string(), ": ", status.message()));
}

bool Exists(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

// Whether a value of a key that is not implemented is as good as none.
bool IsIdle(const nlohmann::json& value) {
  return value.is_null() || value == false ||
         ((value.is_structured() || value.is_string()) && value.empty());
}

// Refuses by name what `known` does not have and could change the vectors.
void RefuseOthers(const nlohmann::json& json, std::span<const std::string_view> known,
                  ConfigReader& config) {
  for (const auto& [key, value] : json.items()) {
    if (IsIdle(value) || std::ranges::find(known, key) != known.end()) continue;
    config.Refuse(absl::StrCat(key, " is not implemented"), ShownJson(value));
  }
}

// A module reads and writes the vector of the text, or is another's: of the vectors of tokens.
void RequireOfTexts(ConfigReader& config) {
  for (const char* field : {"module_input_name", "module_output_name"}) {
    config.RequireString(field, "sentence_embedding");
  }
}

// The key of early versions, and of today's in "pooling_mode", which alone counts if it is there.
struct PoolingName {
  std::string_view old_key;
  std::string_view name;
};
constexpr PoolingName kPoolings[] = {
    {"pooling_mode_cls_token", "cls"},
    {"pooling_mode_max_tokens", "max"},
    {"pooling_mode_mean_tokens", "mean"},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
    {"pooling_mode_weightedmean_tokens", "weightedmean"},
    {"pooling_mode_lasttoken", "lasttoken"},
};

// All that are chosen; where nothing is, the library's mean.
std::vector<std::string> ReadPoolingNames(ConfigReader& config) {
  const nlohmann::json* mode = config.Find("pooling_mode");
  if (mode != nullptr && mode->is_string()) return {mode->get<std::string>()};
  std::vector<std::string> names = config.Strings("pooling_mode");
  if (mode != nullptr) return names;
  for (const PoolingName& row : kPoolings) {
    if (config.Bool(row.old_key.data(), false)) names.emplace_back(row.name);
  }
  return names.empty() ? std::vector<std::string>{"mean"} : names;
}

absl::Status ReadPooling(const fs::path& folder, EmbeddingHead& head) {
  const fs::path file = folder / "config.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
  ConfigReader config(json);
  head.pools_prompt = config.Bool("include_prompt", true);
  const std::string chosen = absl::StrJoin(ReadPoolingNames(config), " ");
  std::vector<std::string_view> known = {"pooling_mode", "include_prompt", "embedding_dimension",
                                         "word_embedding_dimension"};
  for (const PoolingName& row : kPoolings) known.push_back(row.old_key);
  RefuseOthers(json, known, config);
  RETURN_IF_ERROR(InFile(file, config.status()));
  if (chosen == "mean" || chosen == "cls") {
    head.pooling = chosen == "cls" ? Pooling::kFirstToken : Pooling::kMean;
    return absl::OkStatus();
  }
  return Wrong(file, "the pooling must be one of mean and cls", chosen.empty() ? "none" : chosen);
}

// Of a class of PyTorch, by the last part of its name.
Activation ReadActivation(ConfigReader& config) {
  constexpr ActivationName kClasses[] = {
      {"Tanh", Activation::kTanh},           {"Identity", Activation::kNone},
      {"ReLU", Activation::kRelu},           {"GELU", Activation::kGeluErf},
      {"SiLU", Activation::kSilu},           {"Mish", Activation::kMish},
      {"LeakyReLU", Activation::kLeakyRelu}, {"Sigmoid", Activation::kSigmoid},
  };
  const std::string name = config.String("activation_function", "Tanh");
  for (const ActivationName& row : kClasses) {
    if (name.substr(name.rfind('.') + 1) == row.name) return row.activation;
  }
  config.Refuse("activation_function is not implemented", name);
  return Activation::kNone;
}

absl::Status ReadDense(const fs::path& folder, int hidden_size, EmbeddingHead& head) {
  const fs::path file = folder / "config.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
  ConfigReader config(json);
  constexpr int kMost = 1 << 16;
  const int size = head.dense.empty() ? hidden_size : head.dense.back().out;
  head.dense.push_back({.name = folder.filename().string(),
                        .in = config.Integer("in_features", 0, 1, kMost),
                        .out = config.Integer("out_features", 0, 1, kMost),
                        .has_bias = config.Bool("bias", true),
                        .activation = ReadActivation(config),
                        .adds_input = config.Bool("use_residual", false)});
  if (!config.Has("out_features")) config.Refuse("out_features", "missing");
  if (const int in = head.dense.back().in; in != size) {
    config.Refuse(absl::StrCat("in_features must be the size of what comes before, ", size),
                  std::to_string(in));
  }
  RequireOfTexts(config);
  constexpr std::string_view kKnown[] = {"in_features",         "out_features",      "bias",
                                         "activation_function", "module_input_name", "use_residual",
                                         "module_output_name"};
  RefuseOthers(json, kKnown, config);
  return InFile(file, config.status());
}

// Early versions wrote nothing of it.
absl::Status ReadNormalize(const fs::path& folder, EmbeddingHead& head) {
  head.normalizes = true;
  const fs::path file = folder / "config.json";
  if (!Exists(file)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
  ConfigReader config(json);
  RequireOfTexts(config);
  constexpr std::string_view kKnown[] = {"module_input_name", "module_output_name"};
  RefuseOthers(json, kKnown, config);
  return InFile(file, config.status());
}

// The library's default is what it wrote before it had these keys. Those of texts that are said to
// be queries or documents, and those of speed, change nothing here.
void RequireLastHiddenStates(const nlohmann::json& json, ConfigReader& config) {
  config.RequireString("transformer_task", "feature-extraction");
  config.RequireString("module_output_name", "token_embeddings");
  if (config.Has("modality_config") && !config.Has("modality_config.text")) {
    config.Refuse("modality_config has no text", ShownJson(*config.Find("modality_config")));
  }
  config.RequireString("modality_config.text.method", "forward");
  config.RequireString("modality_config.text.method_output_name", "last_hidden_state");
  constexpr std::string_view kKnown[] = {
      "max_seq_length",     "do_lower_case", "transformer_task", "modality_config",
      "module_output_name", "unpad_inputs",  "query_length",     "document_length"};
  RefuseOthers(json, kKnown, config);
}

// What the module Transformer has beside transformers' own files.
absl::Status ReadBounds(const fs::path& folder, SentenceModules& modules) {
  for (const char* name : {"sentence_bert_config.json", "sentence_roberta_config.json",
                           "sentence_distilbert_config.json", "sentence_camembert_config.json",
                           "sentence_albert_config.json", "sentence_xlm-roberta_config.json"}) {
    const fs::path file = folder / name;
    if (!Exists(file)) continue;
    ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
    ConfigReader config(json);
    modules.max_text_tokens = config.Integer("max_seq_length", INT_MAX, 2, INT_MAX);
    modules.head.text.lowers = config.Bool("do_lower_case", false);
    RequireLastHiddenStates(json, config);
    return InFile(file, config.status());
  }
  return absl::OkStatus();
}

absl::Status ReadPrompt(const fs::path& folder, std::string& prompt) {
  const fs::path file = folder / "config_sentence_transformers.json";
  if (!Exists(file)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
  ConfigReader config(json);
  const std::string name = config.String("default_prompt_name", "");
  RETURN_IF_ERROR(InFile(file, config.status()));
  if (!config.Has("default_prompt_name")) return absl::OkStatus();
  const nlohmann::json* prompts = config.Find("prompts");
  if (prompts != nullptr && prompts->is_object() && prompts->contains(name) &&
      prompts->at(name).is_string()) {
    prompt = prompts->at(name).get<std::string>();
  } else if (name != "query" && name != "document") {  // The library has these, and empty.
    return Wrong(file, "prompts has no text for default_prompt_name", name);
  }
  return absl::OkStatus();
}

// One step behind the transformer.
absl::Status ReadModule(const fs::path& folder, const ModelModule& module, bool is_first,
                        int hidden_size, EmbeddingHead& head) {
  const fs::path file = folder / "modules.json";
  const bool is_pooling = module.kind == "Pooling";
  if (!is_pooling && module.kind != "Dense" && module.kind != "Normalize") {
    return Wrong(file, "Chorus implements the modules Transformer, Pooling, Dense and Normalize",
                 module.kind);
  }
  if (is_pooling != is_first || (head.normalizes && module.kind == "Dense")) {
    return Wrong(
        file,
        "the modules must be a Transformer, a Pooling, any number of Dense, and at the end "
        "a Normalize or none; out of its place is a",
        module.kind);
  }
  const bool is_normalize = module.kind == "Normalize";
  if (!IsModuleFolder(module.folder) && !(is_normalize && module.folder.empty())) {  // Untrusted.
    return Wrong(file,
                 absl::StrCat("the path of ", module.kind, " must be such as 1_", module.kind),
                 module.folder);
  }
  const fs::path own = folder / module.folder;
  if (is_pooling) return ReadPooling(own, head);
  if (!is_normalize) return ReadDense(own, hidden_size, head);
  if (module.folder.empty()) head.normalizes = true;
  return module.folder.empty() ? absl::OkStatus() : ReadNormalize(own, head);
}

}  // namespace

absl::StatusOr<std::optional<SentenceModules>> ReadSentenceModules(const fs::path& folder,
                                                                   int hidden_size) {
  const fs::path file = folder / "modules.json";
  if (!Exists(file)) return std::nullopt;
  ASSIGN_OR_RETURN(const std::vector<ModelModule> list, ReadModelModules(folder));
  SentenceModules modules;
  bool has_pooling = false;
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0 || list[i].kind != "Transformer") {
      RETURN_IF_ERROR(ReadModule(folder, list[i], !has_pooling, hidden_size, modules.head));
      has_pooling = true;
    } else if (!list[i].folder.empty() && !IsModuleFolder(list[i].folder)) {
      return Wrong(file, "the path of Transformer must be empty or such as 0_Transformer",
                   list[i].folder);
    }
  }
  if (!has_pooling) return Wrong(file, "has no module Pooling", std::to_string(list.size()));
  modules.head.text.strips = true;
  RETURN_IF_ERROR(ReadBounds(TransformerFolder(folder), modules));
  RETURN_IF_ERROR(ReadPrompt(folder, modules.head.text.prompt));
  return modules;
}

}  // namespace chorus::runner
