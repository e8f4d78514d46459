#include "runner_server/model/load_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/model_file.h"
#include "base/model_weights.h"
#include "base/status_macros.h"
#include "runner_server/model/bert.h"
#include "runner_server/model/bert_config.h"
#include "runner_server/model/config_reader.h"
#include "runner_server/model/gpt2.h"
#include "runner_server/model/gpt2_config.h"
#include "runner_server/weights/safetensors_file.h"

namespace chorus {
namespace {

constexpr char kGpt2[] = "GPT2LMHeadModel";
constexpr char kBert[] = "BertForSequenceClassification";

absl::Status InFile(const std::filesystem::path& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

// kGpt2 or kBert. A config without "architectures" is known by its model_type.
absl::StatusOr<std::string> Architecture(const nlohmann::json& config) {
  ConfigReader reader(config);
  const std::vector<std::string> names = reader.Strings("architectures");
  const std::string type = reader.String("model_type", "");
  RETURN_IF_ERROR(reader.status());
  const auto declares = [&names, &type](const std::string& name, const std::string& its_type) {
    return names.empty() ? type == its_type
                         : std::find(names.begin(), names.end(), name) != names.end();
  };
  if (declares(kGpt2, "gpt2")) return kGpt2;
  if (declares(kBert, "bert")) return kBert;
  if (type == "bert" || (!names.empty() && names[0].starts_with("Bert"))) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this BERT is a ", absl::StrJoin(names, ", "),
        " and has no classification head, so it cannot score a text. Fine-tune it as a ", kBert,
        " and save that, or give the directory of a model that has been"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "architectures must name ", kGpt2, " or ", kBert, ": ",
      names.empty() ? absl::StrCat("none, model_type ", type) : absl::StrJoin(names, ", ")));
}

absl::StatusOr<SafetensorsFile> OpenWeights(const std::filesystem::path& directory,
                                            std::string_view architecture) {
  RETURN_IF_ERROR(CheckWeightsFile(directory, architecture));
  return SafetensorsFile::Open(directory / kWeightsFileName);
}

absl::Status CheckOptions(const ModelOptions& options) {
  if (options.num_threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_threads must be at least 1: ", options.num_threads));
  }
  if (options.num_kv_slots < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_kv_slots must be at least 1: ", options.num_kv_slots));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const std::filesystem::path& directory,
                                      const ModelOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  const std::filesystem::path config_path = directory / "config.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(config_path));
  absl::StatusOr<std::string> architecture = Architecture(json);
  if (!architecture.ok()) return InFile(config_path, architecture.status());

  LoadedModel loaded{.architecture = *std::move(architecture)};
  // The weights are open after the config is read, and closed before this returns: they are copied.
  if (loaded.architecture == kGpt2) {
    const absl::StatusOr<Gpt2Config> config = ParseGpt2Config(json);
    if (!config.ok()) return InFile(config_path, config.status());
    ASSIGN_OR_RETURN(const SafetensorsFile file, OpenWeights(directory, loaded.architecture));
    ASSIGN_OR_RETURN(loaded.model,
                     Gpt2::Create(*config, file, options.precision, options.num_threads,
                                  options.num_kv_slots, options.max_kv_bytes));
    loaded.bos_token_id = config->bos_token_id;
    loaded.eos_token_id = config->eos_token_id;
  } else {
    const absl::StatusOr<BertConfig> config = ParseBertConfig(json);
    if (!config.ok()) return InFile(config_path, config.status());
    ASSIGN_OR_RETURN(const SafetensorsFile file, OpenWeights(directory, loaded.architecture));
    ASSIGN_OR_RETURN(loaded.model,
                     Bert::Create(*config, file, options.precision, options.num_threads));
  }
  return loaded;
}

}  // namespace chorus
