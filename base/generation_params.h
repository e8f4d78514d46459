#pragma once

// Ranges and defaults of chorus.v1.GenerationParams, and how a request's parameters override a
// graph's.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "proto/chorus/v1/generation.pb.h"

namespace chorus {

struct FieldProblem {
  std::string field;    // "stop[1]"
  std::string problem;  // "must have 1 to 1024 bytes: 0"
};

// The parameters in `message`, a request or a graph file's node: its fields of the same names.
v1::GenerationParams ParamsOf(const google::protobuf::Message& message);

// One problem for each value that is out of range.
std::vector<FieldProblem> CheckRanges(const v1::GenerationParams& params);

// All defaults. The seed and the parameters without a default stay unset.
const v1::GenerationParams& DefaultParams();

// Replaces in `params` what `overrides` sets. A `max_length` also clears `max_new_tokens`, which
// would take precedence.
void Override(const v1::GenerationParams& overrides, v1::GenerationParams& params);

// Whether decoding is greedy. `do_sample` and `temperature` must be set.
inline bool IsGreedy(const v1::GenerationParams& params) {
  return !params.do_sample() || params.temperature() == 0;
}

}  // namespace chorus
