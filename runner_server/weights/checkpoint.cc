#include "runner_server/weights/checkpoint.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/weights/faults.h"
#include "runner_server/weights/safetensors_header.h"
#include "runner_server/weights/torch_file.h"

namespace chorus::runner {
namespace {

absl::StatusOr<std::vector<StoredTensor>> ReadSafetensors(std::string_view bytes) {
  ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(bytes));
  std::vector<StoredTensor> tensors;
  tensors.reserve(header.tensors.size());
  for (TensorInfo& info : header.tensors) {
    tensors.push_back(
        {.name = std::move(info.name),
         .dtype = info.dtype,
         .shape = std::move(info.shape),
         .data = bytes.substr(header.data_start + info.begin, info.end - info.begin)});
  }
  return tensors;
}

// Compares the index with what the files hold: by tensor, the name of its file. What it names and
// no file holds is missing only if the model asks for it.
absl::Status CheckIndex(const ModelWeights& weights,
                        const std::map<std::string, std::string>& file_of) {
  Faults faults;
  for (const auto& [tensor, file] : weights.index) {
    const auto found = file_of.find(tensor);
    if (found != file_of.end() && found->second != file) {
      faults.Add("in another file", absl::StrCat(ShownName(tensor), " (is in ", found->second,
                                                 ", must be in ", file, ")"));
    }
  }
  for (const auto& [tensor, file] : file_of) {
    if (!weights.index.contains(tensor)) {
      faults.Add("not in the index", absl::StrCat(ShownName(tensor), " (in ", file, ")"));
    }
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(weights.path.string(), ": the shards do not hold what their index says; ",
                   faults.ToString(), "; fetch the model whole, and try again"));
}

}  // namespace

absl::StatusOr<Checkpoint> Checkpoint::Open(const ModelWeights& weights) {
  Checkpoint checkpoint(weights.path);
  RETURN_IF_ERROR(checkpoint.Add(weights, ""));
  return checkpoint;
}

absl::Status Checkpoint::Add(const ModelWeights& weights, std::string_view prefix) {
  std::map<std::string, std::string> file_of;
  Faults repeated;
  for (const std::filesystem::path& path : weights.files) {
    ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
    absl::StatusOr<std::vector<StoredTensor>> tensors =
        path.extension() == ".bin" ? ReadTorchFile(file.bytes()) : ReadSafetensors(file.bytes());
    if (!tensors.ok()) {
      return absl::Status(tensors.status().code(),
                          absl::StrCat(path.string(), ": ", tensors.status().message()));
    }
    const std::string name = path.filename().string();
    for (StoredTensor& tensor : *tensors) {
      const auto [other, is_new] = file_of.emplace(tensor.name, name);
      if (!is_new) {
        repeated.Add("in two files",
                     absl::StrCat(ShownName(tensor.name), " (", other->second, ", ", name, ")"));
      }
      tensor.name.insert(0, prefix);
      tensors_.push_back(std::move(tensor));
    }
    files_.push_back(std::move(file));
  }
  if (!repeated.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(weights.path.string(), ": the shards overlap; ", repeated.ToString()));
  }
  if (!weights.index.empty()) RETURN_IF_ERROR(CheckIndex(weights, file_of));
  return absl::OkStatus();
}

}  // namespace chorus::runner
