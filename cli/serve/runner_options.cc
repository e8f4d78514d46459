#include "cli/serve/runner_options.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "base/near_name.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

absl::Status CheckRunner(const std::string& flag, const std::string& name,
                         const std::vector<std::string>& runners) {
  if (Has(runners, name)) return absl::OkStatus();
  const std::string near = NearName(name, runners);
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " names a runner that there is not: ", name,
                   near.empty() ? "" : "; did you mean " + near + "?"));
}

absl::StatusOr<ByRunner> SplitByRunner(const std::string& flag, const char* example,
                                       const std::vector<std::string>& texts,
                                       const std::vector<std::string>& runners,
                                       std::optional<std::string>* for_all) {
  ByRunner by_runner;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos && for_all != nullptr) {
      *for_all = text;
      continue;
    }
    if (equals == std::string::npos || equals + 1 == text.size()) {
      return absl::InvalidArgumentError(absl::StrCat(flag, " takes RUNNER=", example, ": ", text));
    }
    const std::string runner = text.substr(0, equals);
    RETURN_IF_ERROR(CheckRunner(flag, runner, runners));
    by_runner[runner] = text.substr(equals + 1);
  }
  return by_runner;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseFurtherModels(
    const std::vector<std::string>& also, const std::vector<std::string>& runners) {
  std::vector<std::pair<std::string, std::string>> models;
  for (const std::string& text : also) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals + 1 == text.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--also takes NAME=MODEL, such as minilm=./minilm: ", text));
    }
    const std::string name = text.substr(0, equals);
    if (!IsFileName(name)) {
      return absl::InvalidArgumentError(absl::StrCat("--also: a name must match ", kFileNameRule,
                                                     ": \"", absl::CEscape(name), "\""));
    }
    const auto has_name = [&](const auto& model) { return model.first == name; };
    if (Has(runners, name) || std::ranges::any_of(models, has_name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--also names a runner that there is already: ", name));
    }
    models.emplace_back(name, text.substr(equals + 1));
  }
  return models;
}

void SetFlag(const std::string& flag, const std::string& value, std::vector<std::string>& flags) {
  for (size_t i = 0; i + 1 < flags.size(); i += 2) {
    if (flags[i] != flag) continue;
    flags[i + 1] = value;
    return;
  }
  flags.insert(flags.end(), {flag, value});
}

}  // namespace chorus
