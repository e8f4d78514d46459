#pragma once

// What is wrong with the tensors of a checkpoint, gathered for one message:
//
//   "2 missing: a, b; 12 of the wrong shape: c (is [2], must be [3]), …, and 2 more"
//
// Thread safety: none.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::runner {

// At most ten names, and how many more there are.
std::string SomeOf(const std::vector<std::string>& names);

class Faults {
 public:
  // `tensor` is shown as it is.
  void Add(std::string_view what, std::string tensor);

  bool empty() const { return kinds_.empty(); }
  std::string ToString() const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> kinds_;
};

}  // namespace chorus::runner
