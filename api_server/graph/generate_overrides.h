#pragma once

// What a graph file, and then a request, say of how texts are generated; all optional.
//
// Thread safety: values and free functions without state.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api_server/runners/runner_client.h"

namespace chorus {

// See chorus.v1.ClassifyGeneratedTextsRequest for units and ranges. The last six are a request's
// alone.
struct GenerateOverrides {
  std::optional<uint32_t> max_length;
  std::optional<uint32_t> max_new_tokens;
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<uint32_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::vector<std::string> stop;  // Empty: as it was.
  std::optional<bool> ignore_eos;
  std::optional<bool> split_special_tokens;
  std::optional<uint64_t> seed;  // Unset: a random one.
  std::optional<uint32_t> num_return_sequences;
  std::optional<uint32_t> top_logprobs;
  bool truncate = true;  // As ClassifyParams'.
  bool partial = false;  // A text that fails leaves the others as they are.
};

struct FieldProblem {
  std::string field;    // "stop[1]"
  std::string problem;  // "must have 1 to 1024 bytes: 0"
};

// Every value that is out of range.
std::vector<FieldProblem> CheckRanges(const GenerateOverrides& overrides);

// `params` with what is set displaced. A `max_length` also displaces the `max_new_tokens` that
// `params` had, which would win over it otherwise. A temperature of 0 is `do_sample` false.
GenerateParams Override(GenerateParams params, const GenerateOverrides& overrides);

}  // namespace chorus
