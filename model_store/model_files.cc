#include "model_store/model_files.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/model_file.h"
#include "base/model_modules.h"
#include "base/model_weights.h"
#include "base/printable.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "model_store/manifest.h"
#include "runner_server/weights/checkpoint.h"
#include "runner_server/weights/tensor.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;

constexpr char kConfigFileName[] = "config.json";
constexpr char kModelCardFileName[] = "README.md";
constexpr int64_t kMaxModelCardBytes = 1 << 20;
constexpr size_t kMaxLicenceBytes = 256;

std::string TaskOf(const std::string& architecture) {
  if (absl::EndsWith(architecture, "LMHeadModel") || absl::EndsWith(architecture, "ForCausalLM")) {
    return "generate";
  }
  if (absl::EndsWith(architecture, "ForSequenceClassification")) return "classify";
  // An encoder without a classification head.
  for (const char* ending : {"Model", "ForMaskedLM", "ForPreTraining"}) {
    if (absl::EndsWith(architecture, ending)) return "embed";
  }
  return "";
}

// As PyTorch names it; empty for a type that is no parameter's.
std::string FloatName(runner::DType dtype) {
  switch (dtype) {
    case runner::DType::kF64:
      return "float64";
    case runner::DType::kF32:
      return "float32";
    case runner::DType::kF16:
      return "float16";
    case runner::DType::kBF16:
      return "bfloat16";
    case runner::DType::kF8E4M3:
      return "float8_e4m3fn";
    case runner::DType::kF8E5M2:
      return "float8_e5m2";
    default:
      return "";
  }
}

// The YAML between the lines "---" at the beginning of a model card.
std::string FrontMatter(const std::string& card) {
  if (!card.starts_with("---\n")) return "";
  const size_t end = card.find("\n---\n", 3);
  return end == std::string::npos ? "" : card.substr(4, end + 1 - 4);
}

bool IsStored(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().native();
  if (name.starts_with(".") || name == "manifest.json") return false;
  std::error_code error;
  return !entry.is_directory(error);
}

// Adds the names of the files in the model's folder `below` ("", or "1_Pooling/").
absl::Status AddFiles(const fs::path& model, const std::string& below,
                      std::vector<std::string>& names) {
  const fs::path directory = model / below;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().native();
    std::error_code ignored;
    if (below.empty() && IsModuleFolder(name) && it->is_directory(ignored)) {
      RETURN_IF_ERROR(AddFiles(model, name + "/", names));
    }
    if (!IsStored(*it)) continue;
    if (!IsPrintable(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a file name in ", directory.native(),
                       " is not UTF-8 or has control characters: ", absl::CEscape(name)));
    }
    names.push_back(below + name);
  }
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(),
                             absl::StrCat("cannot read the folder ", directory.native()));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListModelFiles(const fs::path& directory) {
  std::error_code error;
  if (fs::is_regular_file(directory, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory.native(), " is a file: give the folder that it lies in"));
  }
  std::vector<std::string> names;
  RETURN_IF_ERROR(AddFiles(directory, "", names));
  std::sort(names.begin(), names.end());
  const fs::path transformer = TransformerFolder(directory);
  const std::string below = transformer == directory ? "" : transformer.filename().native() + "/";
  if (!std::ranges::binary_search(names, below + kConfigFileName)) {
    return NoConfigError(directory);
  }
  return names;
}

absl::StatusOr<ModelDescription> DescribeModel(const fs::path& directory) {
  ASSIGN_OR_RETURN(const nlohmann::json json,
                   ReadModelJson(TransformerFolder(directory) / kConfigFileName));
  ModelDescription description;
  const auto architectures = json.find("architectures");
  if (architectures != json.end() && architectures->is_array() && !architectures->empty() &&
      architectures->front().is_string()) {
    description.architecture = PrintableLine(architectures->front().get<std::string>());
    description.task = TaskOf(description.architecture);
  }
  return description;
}

absl::StatusOr<WeightsDescription> DescribeWeights(const fs::path& directory) {
  ASSIGN_OR_RETURN(const ModelWeights weights, FindModelWeights(directory, ""));
  ASSIGN_OR_RETURN(const runner::Checkpoint checkpoint, runner::Checkpoint::Open(weights));
  std::map<std::string, int64_t> counts;  // By the type's name.
  WeightsDescription description;
  for (const runner::StoredTensor& tensor : checkpoint.tensors()) {
    const std::string name = FloatName(tensor.dtype);
    if (name.empty()) continue;
    const auto count = static_cast<int64_t>(runner::NumElements(tensor));
    counts[name] += count;
    description.num_parameters += count;
    if (counts[name] > counts[description.dtype]) description.dtype = name;
  }
  return description;
}

std::string LicenceOf(const fs::path& directory) {
  const absl::StatusOr<std::string> card =
      ReadFile(directory / kModelCardFileName, kMaxModelCardBytes);
  if (!card.ok()) return "";
  try {
    const YAML::Node facts = YAML::Load(FrontMatter(*card));
    if (!facts.IsMap()) return "";
    const YAML::Node licence = facts["license"];
    std::string text;
    if (licence && licence.IsScalar()) text = licence.as<std::string>();
    if (licence && licence.IsSequence())
      text = absl::StrJoin(licence.as<std::vector<std::string>>(), ", ");
    // What the card calls "other" it names beside.
    if (text == "other" && facts["license_name"]) text = facts["license_name"].as<std::string>();
    return IsValidUtf8(text) && text.size() <= kMaxLicenceBytes ? PrintableLine(text) : "";
  } catch (const YAML::Exception&) {
    return "";  // A card is for people; what is wrong with it is nobody's concern here.
  }
}

}  // namespace chorus::store
