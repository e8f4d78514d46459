#include "runner_server/model/sentence_modules.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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

absl::Status ReadPooling(const fs::path& folder, EmbeddingHead& head) {
  const fs::path file = folder / "config.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(file));
  ConfigReader config(json);
  head.pools_prompt = config.Bool("include_prompt", true);
  RETURN_IF_ERROR(InFile(file, config.status()));
  std::string chosen;
  for (const auto& [key, value] : json.items()) {
    constexpr std::string_view kMode = "pooling_mode_";
    if (!key.starts_with(kMode) || value != true) continue;
    absl::StrAppend(&chosen, chosen.empty() ? "" : " ", key.substr(kMode.size()));
  }
  if (chosen == "mean_tokens" || chosen == "cls_token") {
    head.pooling = chosen == "cls_token" ? Pooling::kFirstToken : Pooling::kMean;
    return absl::OkStatus();
  }
  return Wrong(file, "the pooling must be one of mean_tokens and cls_token",
               chosen.empty() ? "none" : chosen);
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
                        .activation = ReadActivation(config)});
  if (!config.Has("out_features")) config.Refuse("out_features", "missing");
  if (const int in = head.dense.back().in; in != size) {
    config.Refuse(absl::StrCat("in_features must be the size of what comes before, ", size),
                  std::to_string(in));
  }
  for (const char* field : {"module_input_name", "module_output_name"}) {
    config.RequireString(field, "sentence_embedding");
  }
  return InFile(file, config.status());
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
  if (module.kind == "Normalize") {
    head.normalizes = true;
    return absl::OkStatus();
  }
  if (!IsModuleFolder(module.folder)) {  // Untrusted.
    return Wrong(file,
                 absl::StrCat("the path of ", module.kind, " must be such as 1_", module.kind),
                 module.folder);
  }
  const fs::path own = folder / module.folder;
  return is_pooling ? ReadPooling(own, head) : ReadDense(own, hidden_size, head);
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
