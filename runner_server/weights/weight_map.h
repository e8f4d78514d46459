#pragma once

// The tensors of a file under the names a model knows them by, checked as a whole before any is
// read: what is missing, unexpected, of the wrong shape or of a type we do not read comes in one
// error, so that a person mends a checkpoint once. Values are checked as they are read, since to
// read them twice takes long: CheckValues has that error.
//
// Thread safety: all methods may be called at once from any thread. Views live as long as file and
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
#include "runner_server/weights/safetensors_file.h"

namespace chorus::runner {

// One tensor a model asks for.
struct WeightSpec {
  std::string name;
  std::vector<uint64_t> shape;
  std::vector<std::string> aliases;  // Other names it goes by; at most one of all in a file.
  bool optional = false;             // May be missing.
};

// A tensor of the file, of a type that converts to fp32.
class WeightView {
 public:
  WeightView(const TensorInfo& info, std::string_view data)
      : info_(&info), data_(data), unusable_(std::make_unique<Unusable>()) {}

  const std::string& name() const { return info_->name; }  // In the file.
  const std::vector<uint64_t>& shape() const { return info_->shape; }
  size_t size() const { return data_.size() / DTypeSizeBytes(info_->dtype); }

  // Writes elements [first, first + count), in row-major order, as fp32. Those beyond `largest` are
  // too large for where they go, and are counted for CheckValues, as those that are not finite are.
  void Read(size_t first, size_t count, float* out,
            float largest = std::numeric_limits<float>::max()) const;
  std::vector<float> ReadAll() const;

  uint64_t num_not_finite() const { return unusable_->num_not_finite; }  // Of those read.
  uint64_t num_too_large() const { return unusable_->num_too_large; }    // Finite, but for that.

 private:
  struct Unusable {
    std::atomic<uint64_t> num_not_finite = 0;
    std::atomic<uint64_t> num_too_large = 0;
  };

  const TensorInfo* info_;
  std::string_view data_;
  std::unique_ptr<Unusable> unusable_;
};

class WeightMap {
 public:
  // `ignored` are patterns of names that may be there and are not read: '#' stands for a decimal
  // number, '*' for any text. INVALID_ARGUMENT lists every fault of `file`, which must outlive the
  // map.
  static absl::StatusOr<WeightMap> Create(const SafetensorsFile& file,
                                          const std::vector<WeightSpec>& specs,
                                          const std::vector<std::string>& ignored);

  // Null if `name`, a spec's, is optional and missing.
  const WeightView* Find(const std::string& name) const;
  // `name` must be that of a spec which is not optional.
  const WeightView& at(const std::string& name) const { return views_.at(name); }

  // After all has been read: INVALID_ARGUMENT names the tensors with values that cannot be used,
  // and says how many each has and what to do.
  absl::Status CheckValues() const;

 private:
  std::string path_;
  std::unordered_map<std::string, WeightView> views_;
};

// Exposed for tests.
bool MatchesNamePattern(std::string_view pattern, std::string_view name);

}  // namespace chorus::runner
