#include "runner_server/model/generation_config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/model_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/model/architectures/read_architecture.h"
#include "runner_server/model/compiled_model.h"
#include "runner_server/model/config_reader.h"
#include "runner_server/model/unfollowed_settings.h"

namespace chorus::runner {
namespace {

constexpr double kMost = 1e9;
constexpr double kMostTopK = 1 << 30;
// A top_p with which the likeliest token alone is left.
constexpr double kLeastTopP = 1e-9;

// What a call may give, too; null is as absent. With values out of range transformers generates
// greedily, so that they are no errors.
class DefaultsReader {
 public:
  DefaultsReader(ConfigReader& config, chorus::v1::GenerationParams& defaults)
      : config_(config), defaults_(defaults) {}

  void Read() {
    if (config_.Has("do_sample")) defaults_.set_do_sample(config_.Bool("do_sample", true));
    if (const auto value = Number("temperature")) {
      if (*value >= 0 && *value <= kMost) {
        defaults_.set_temperature(*value);
      } else {
        Tell("temperature", "Chorus's default counts");
      }
    }
    ReadTopK();
    ReadTopP();
    if (const auto value = Number("min_p")) {
      if (*value >= 0 && *value <= 1) {
        defaults_.set_min_p(*value);
      } else {
        Tell("min_p", "Chorus's default counts");
      }
    }
    if (config_.Has("repetition_penalty")) {
      defaults_.set_repetition_penalty(config_.Double("repetition_penalty", 1, 0, kMost));
    }
  }

  const std::vector<std::string>& told() const { return told_; }

 private:
  std::optional<double> Number(const char* field) {
    const nlohmann::json* value = config_.Find(field);
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) return value->get<double>();
    config_.Refuse(absl::StrCat(field, " must be a number"), ShownJson(*value));
    return std::nullopt;
  }

  void ReadTopK() {
    const auto value = Number("top_k");
    if (!value) return;
    if (*value < 0 || *value > kMostTopK) {
      defaults_.set_top_k(0);
      Tell("top_k", "all tokens count, as with 0");
    } else if (std::trunc(*value) != *value) {  // Also what is no number.
      Tell("top_k", "Chorus's default counts");
    } else {
      defaults_.set_top_k(static_cast<uint32_t>(*value));
      const bool is_integer = config_.Find("top_k")->is_number_integer();
      if (!is_integer) Tell("top_k", absl::StrCat("taken as ", defaults_.top_k()));
    }
  }

  void ReadTopP() {
    const auto value = Number("top_p");
    if (!value) return;
    if (*value > 0 && *value <= 1) {
      defaults_.set_top_p(*value);
    } else if (*value > 1) {
      defaults_.set_top_p(1);
      Tell("top_p", "all tokens count, as with 1");
    } else if (*value == 0) {
      defaults_.set_top_p(kLeastTopP);
      Tell("top_p", "the likeliest token alone counts");
    } else {
      Tell("top_p", "Chorus's default counts");
    }
  }

  void Tell(const char* field, std::string_view what) {
    told_.push_back(absl::StrCat(field, " is out of range, ", AbslView(what), ": ",
                                 ShownJson(*config_.Find(field))));
  }

  ConfigReader& config_;
  chorus::v1::GenerationParams& defaults_;
  std::vector<std::string> told_;
};

bool Exists(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool IsMadeFromConfig(const nlohmann::json& generation) {
  const auto found = generation.find("_from_model_config");
  return found != generation.end() && *found == true;
}

std::string Warning(const std::filesystem::path& path, const nlohmann::json& json,
                    std::vector<std::string> told) {
  const std::vector<std::string> unfollowed = UnfollowedSettings(json);
  if (!unfollowed.empty()) {
    told.insert(told.begin(),
                absl::StrCat("Chorus does not follow ", absl::StrJoin(unfollowed, ", "),
                             ": texts will differ from transformers'"));
  }
  return told.empty() ? "" : absl::StrCat(path.string(), ": ", absl::StrJoin(told, "; "));
}

}  // namespace

absl::StatusOr<GenerationConfig> ReadGenerationConfig(const std::filesystem::path& folder,
                                                      int vocab_size) {
  const std::filesystem::path config_path = folder / "config.json";
  std::filesystem::path path = folder / "generation_config.json";
  GenerationConfig result;
  nlohmann::json json;
  bool is_own = Exists(path);
  if (is_own) {
    ASSIGN_OR_RETURN(json, ReadModelJson(path));
  }
  if (Exists(config_path) && (!is_own || IsMadeFromConfig(json))) {
    ASSIGN_OR_RETURN(nlohmann::json config, ReadModelJson(config_path));
    if (!is_own || SetsGeneration(config)) {
      is_own = false;
      path = config_path;
      json = std::move(config);
    }
  }
  if (json.is_null()) return result;
  ConfigReader config(json);
  if (config.Has("bos_token_id"))
    result.bos_token_id = config.TokenId("bos_token_id", -1, vocab_size);
  if (is_own) result.eos_token_ids = config.TokenIds("eos_token_id", {}, vocab_size);
  DefaultsReader defaults(config, result.defaults);
  defaults.Read();
  const auto in_file = [&path](const auto&... what) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", what...));
  };
  if (!config.status().ok()) return in_file(config.status().message());
  for (const FieldProblem& problem : CheckRanges(result.defaults)) {
    return in_file(problem.field, " ", problem.problem);
  }
  result.warning = Warning(path, json, defaults.told());
  return result;
}

std::string GenerationWarning(const std::filesystem::path& folder) {
  int vocab_size = 0;
  const absl::StatusOr<std::optional<CompiledModel>> compiled = ReadCompiledModel(folder);
  if (compiled.ok() && compiled->has_value()) {
    if (!(*compiled)->decoder.has_value()) return "";
    vocab_size = (*compiled)->vocab_size;
  } else {
    const absl::StatusOr<ModelArchitecture> model = ReadModelArchitecture(folder);
    if (!model.ok() || !model->architecture.generates()) return "";
    vocab_size = model->architecture.vocab_size;
  }
  const absl::StatusOr<GenerationConfig> config = ReadGenerationConfig(folder, vocab_size);
  return config.ok() ? config->warning : "";
}

}  // namespace chorus::runner
