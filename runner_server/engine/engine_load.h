#pragma once

// How busy an engine is. A snapshot; plain data.

#include <cstdint>

namespace chorus {

struct EngineLoad {
  int64_t running_sequences = 0;  // In the last step.
  int64_t queued_sequences = 0;   // Accepted and not yet run.
  int64_t queued_tokens = 0;      // Theirs: prompts, and the most new tokens.
  // Share of the KV slots in use, or of the memory under a cap, whichever is more; 0 for a
  // classifier.
  double kv_cache_used_ratio = 0;
};

}  // namespace chorus
