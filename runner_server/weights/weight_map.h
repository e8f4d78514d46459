#pragma once

// A checkpoint's tensors under the model's names.
//
// Checkpoints of one model differ in what stands before the names ("transformer.h.0.ln_1.weight",
// "h.0.ln_1.weight"), and in which of two names a tensor that has two is stored under. What the
// model does not ask for is ignored: heads of pretraining, buffers.
//
// Create checks all tensors at once: one error lists those that are missing, or of a wrong shape or
// type. Values are checked as they are read, to read them only once; CheckValues returns that
// error.
//
// Thread safety: all methods may be called from any thread. Views must not outlive checkpoint or
// map.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/weights/checkpoint.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

// One tensor a model asks for. It is looked for by name, then by each alias: behind the prefix that
// the checkpoint has before most names, then as it is.
struct WeightSpec {
  std::string name;  // Without a prefix of the base model, such as "transformer." or "bert.".
  std::vector<uint64_t> shape;
  std::vector<std::string> aliases = {};
  bool optional = false;  // May be missing.
};

// A tensor of a type that converts to fp32.
class WeightView {
 public:
  explicit WeightView(const StoredTensor& tensor)
      : tensor_(&tensor), unusable_(std::make_unique<Unusable>()) {}

  const std::string& name() const { return tensor_->name; }  // In the file.
  const std::vector<uint64_t>& shape() const { return tensor_->shape; }
  size_t size() const { return NumElements(*tensor_); }

  // Writes elements [first, first + count), in row-major order, as fp32. Counts values that are not
  // finite or beyond `largest`, for CheckValues.
  void Read(size_t first, size_t count, float* out,
            float largest = std::numeric_limits<float>::max()) const;
  std::vector<float> ReadAll() const;

  uint64_t num_not_finite() const { return unusable_->num_not_finite; }  // Of those read.
  uint64_t num_too_large() const { return unusable_->num_too_large; }  // Finite, beyond `largest`.

 private:
  struct Unusable {
    std::atomic<uint64_t> num_not_finite = 0;
    std::atomic<uint64_t> num_too_large = 0;
  };

  const StoredTensor* tensor_;
  std::unique_ptr<Unusable> unusable_;
};

class WeightMap {
 public:
  // INVALID_ARGUMENT lists every error of `checkpoint`, which must outlive the map. A line of the
  // log tells what is ignored.
  static absl::StatusOr<WeightMap> Create(const Checkpoint& checkpoint,
                                          const std::vector<WeightSpec>& specs);

  // Null if `name`, a spec's, is optional and missing.
  const WeightView* Find(const std::string& name) const;
  // `name` must be that of a required spec.
  const WeightView& at(const std::string& name) const { return views_.at(name); }

  // Call after all reads: INVALID_ARGUMENT lists the tensors with unusable values, their number,
  // and what to do.
  absl::Status CheckValues() const;

  // The names of the tensors that no spec asks for.
  const std::vector<std::string>& ignored() const { return ignored_; }

 private:
  std::string path_;
  std::unordered_map<std::string, WeightView> views_;
  std::vector<std::string> ignored_;
};

}  // namespace chorus::runner
