#pragma once

// A model that chorus.save_model has compiled ahead of time, of an architecture that Chorus has no
// reader for: model.pt2, native code that libtorch opens, and in config.json the object
// chorus_compiled, which says how it is called. Its weights lie beside it, as any model's
// (docs/decisions/0044-compiled-encoders.md, 0045-compiled-generators.md).
//
// Thread safety: a plain value and free functions without state.

#include <climits>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/architecture.h"

namespace chorus::runner {

struct CompiledModel {
  std::string architecture;            // The first of config.json's; may be empty.
  std::filesystem::path file;          // model.pt2
  std::string torch_version;           // Of the libtorch that compiled it, such as "2.15.0".
  std::string device;                  // For which it is: "cpu" or "cuda".
  std::vector<std::string> cpu_flags;  // Of the CPU for which it is, as /proc/cpuinfo has them.
  Precision precision = Precision::kFloat32;
  int vocab_size = 0;
  int context_size = 0;     // Most tokens of one sequence.
  int num_token_types = 1;  // 1: they are no input.
  int padding_id = 0;       // The token behind the end of a row that is shorter than others.
  int num_values = 0;       // Of a row: labels, numbers of a vector, or a vocabulary.
  // A weight that the code asks for, and the one of the same values that is stored.
  std::map<std::string, std::string> same_weights;
  // Of a generator: sizes, attention and head. What else it has is in the code.
  std::optional<Architecture> decoder;
  int max_text_tokens = INT_MAX;  // As LoadedModel's.
  // Of an encoder. Of a classifier logits come out, [rows, num_values]; of an embedder the last
  // hidden states, [rows, tokens, num_values].
  Head head;
};

// Nothing if config.json has no chorus_compiled, or is not there. INVALID_ARGUMENT, with the path
// and the field, for what cannot be. `pooling` is ModelOptions's.
absl::StatusOr<std::optional<CompiledModel>> ReadCompiledModel(
    const std::filesystem::path& folder, std::optional<Pooling> pooling = std::nullopt);

// Whether the code may run in this process: FAILED_PRECONDITION, which says what to do, unless its
// SHA-256 is `native_code`, which its user has found good, and this CPU has what it was compiled
// for.
absl::Status CheckNativeCode(const CompiledModel& model, std::string_view native_code);

}  // namespace chorus::runner
