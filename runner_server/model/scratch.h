#pragma once

#include <cstddef>
#include <vector>

namespace chorus::runner {

// A buffer that grows to the largest size asked for. Contents are not kept.
class Scratch {
 public:
  float* Get(size_t size) {
    if (buffer_.size() < size) buffer_ = std::vector<float>(size);
    return buffer_.data();
  }

 private:
  std::vector<float> buffer_;
};

}  // namespace chorus::runner
