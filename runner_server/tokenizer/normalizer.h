#pragma once

// Normalizers of tokenizer.json: what becomes of a text before it is split into words.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/tokenizer/aligned_text.h"

namespace chorus::runner {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // INVALID_ARGUMENT if the text's budget is spent, as of all that normalizes.
  virtual absl::Status Normalize(AlignedText& text) const = 0;
};

// Null for null. INVALID_ARGUMENT begins with `what`, such as "tokenizer.json: normalizer".
absl::StatusOr<std::unique_ptr<Normalizer>> NormalizerFromJson(const nlohmann::json& object,
                                                               const std::string& what);

}  // namespace chorus::runner
