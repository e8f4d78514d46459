#pragma once

// The tensors of a model's files, whatever files those are. Untrusted: what Open accepts lies in
// the files.
//
// Thread safety: none for Add, else immutable. Tensors keep their addresses when a checkpoint is
// moved.

#include <filesystem>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/model_weights.h"
#include "runner_server/weights/mapped_file.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

class Checkpoint {
 public:
  // Maps the files. The errors of MappedFile; INVALID_ARGUMENT, with the file, if it is not sound,
  // a tensor is in two files, or is in another than the index says.
  static absl::StatusOr<Checkpoint> Open(const ModelWeights& weights);
  // Maps those files too, with `prefix` before the names of their tensors. Errors as Open's.
  absl::Status Add(const ModelWeights& weights, std::string_view prefix);

  // Begins the message of every error: the file, or the index of several.
  const std::filesystem::path& path() const { return path_; }

  // Their names differ; their data is valid as long as this.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }

 private:
  explicit Checkpoint(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  std::vector<StoredTensor> tensors_;
};

}  // namespace chorus::runner
