#pragma once

// What may be asked of a generation, in one place: chorus.v1.GenerationParams' ranges and defaults,
// and how a request's own stand against those of a graph.
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

// The fields of `message`, a request or a node of a graph file, that have the names of parameters.
v1::GenerationParams ParamsOf(const google::protobuf::Message& message);

// Every value that is out of range.
std::vector<FieldProblem> CheckRanges(const v1::GenerationParams& params);

// The defaults, each set, but for those that default to nothing, and the seed.
const v1::GenerationParams& DefaultParams();

// Displaces of `params` what `overrides` sets. A `max_length` also displaces a `max_new_tokens`,
// which would win over it otherwise.
void Override(const v1::GenerationParams& overrides, v1::GenerationParams& params);

// Whether every token is the likeliest. `params` has a `do_sample` and a `temperature`.
inline bool IsGreedy(const v1::GenerationParams& params) {
  return !params.do_sample() || params.temperature() == 0;
}

}  // namespace chorus
