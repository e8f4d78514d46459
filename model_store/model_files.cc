#include "model_store/model_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/model_file.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

constexpr char kConfigFileName[] = "config.json";

std::string TaskOf(const std::string& architecture) {
  if (absl::EndsWith(architecture, "LMHeadModel") || absl::EndsWith(architecture, "ForCausalLM")) {
    return "generate";
  }
  return absl::EndsWith(architecture, "ForSequenceClassification") ? "classify" : "";
}

bool IsStored(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().native();
  if (name.starts_with(".") || name == "manifest.json") return false;
  std::error_code error;
  return !entry.is_directory(error);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListModelFiles(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (!IsStored(*it)) continue;
    std::string name = it->path().filename().native();
    if (!IsValidUtf8(name)) {
      return absl::InvalidArgumentError(absl::StrCat("a file name in ", directory.native(),
                                                     " is not UTF-8: ", absl::CEscape(name)));
    }
    names.push_back(std::move(name));
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot read the folder ", directory.native()));
  }
  std::sort(names.begin(), names.end());
  if (!std::binary_search(names.begin(), names.end(), kConfigFileName)) {
    return absl::NotFoundError(absl::StrCat("no config.json in ", directory.native(),
                                            ": give a Hugging Face model folder"));
  }
  return names;
}

absl::StatusOr<ModelDescription> DescribeModel(const fs::path& directory) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(directory / kConfigFileName));
  ModelDescription description;
  const auto architectures = json.find("architectures");
  if (architectures != json.end() && architectures->is_array() && !architectures->empty() &&
      architectures->front().is_string()) {
    description.architecture = architectures->front().get<std::string>();
    description.task = TaskOf(description.architecture);
  }
  return description;
}

}  // namespace chorus::store
