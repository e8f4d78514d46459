#include "runner_server/model/generation_config.h"

#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/model_file.h"
#include "base/status_macros.h"
#include "runner_server/model/config_reader.h"

namespace chorus::runner {
namespace {

// What a call may give, too; null is as absent.
void ReadDefaults(ConfigReader& config, chorus::v1::GenerationParams& defaults) {
  constexpr double kMost = 1e9;
  if (config.Has("do_sample")) defaults.set_do_sample(config.Bool("do_sample", true));
  if (config.Has("temperature")) {
    defaults.set_temperature(config.Double("temperature", 1, 0, kMost));
  }
  if (config.Has("top_k")) defaults.set_top_k(config.Integer("top_k", 0, 0, 1 << 30));
  if (config.Has("top_p")) defaults.set_top_p(config.Double("top_p", 1, 0, 1));
  if (config.Has("min_p")) defaults.set_min_p(config.Double("min_p", 0, 0, 1));
  if (config.Has("repetition_penalty")) {
    defaults.set_repetition_penalty(config.Double("repetition_penalty", 1, 0, kMost));
  }
}

}  // namespace

absl::StatusOr<GenerationConfig> ReadGenerationConfig(const std::filesystem::path& folder,
                                                      int vocab_size) {
  const std::filesystem::path path = folder / "generation_config.json";
  GenerationConfig result;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return result;
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(path));
  ConfigReader config(json);
  if (config.Has("bos_token_id"))
    result.bos_token_id = config.TokenId("bos_token_id", -1, vocab_size);
  if (config.Has("eos_token_id")) {
    result.eos_token_ids = config.TokenIds("eos_token_id", {}, vocab_size);
  }
  ReadDefaults(config, result.defaults);
  const auto in_file = [&path](const auto&... what) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", what...));
  };
  if (!config.status().ok()) return in_file(config.status().message());
  for (const FieldProblem& problem : CheckRanges(result.defaults)) {
    return in_file(problem.field, " ", problem.problem);
  }
  return result;
}

}  // namespace chorus::runner
