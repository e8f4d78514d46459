#pragma once

// The tensors of a file under the names a model knows them by, checked as a whole before any is
// read: what is missing, unexpected, of the wrong shape or of a type we do not read comes in one
// error, so that a person mends a checkpoint once.
//
// Thread safety: immutable once made. Views live as long as the file.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/weights/safetensors_file.h"

namespace chorus {

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
  WeightView(const TensorInfo& info, std::string_view data) : info_(&info), data_(data) {}

  const std::vector<uint64_t>& shape() const { return info_->shape; }
  size_t size() const { return data_.size() / DTypeSizeBytes(info_->dtype); }

  // Writes elements [first, first + count), in row-major order, as fp32.
  void Read(size_t first, size_t count, float* out) const;
  std::vector<float> ReadAll() const;

 private:
  const TensorInfo* info_;
  std::string_view data_;
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

 private:
  std::unordered_map<std::string, WeightView> views_;
};

// Exposed for tests.
bool MatchesNamePattern(std::string_view pattern, std::string_view name);

}  // namespace chorus
