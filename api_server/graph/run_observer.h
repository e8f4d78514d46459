#pragma once

// Receives events of the executor's runs, for metrics. `runner` is a generator's name; in a single
// model's run graph and node have the model's name.
//
// Thread safety: called from the runner clients' threads, several at once. Must not block.

#include <string>

#include "absl/time/time.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus::gateway {

class RunObserver {
 public:
  virtual ~RunObserver() = default;

  // The first text of a generation has arrived.
  virtual void OnFirstToken(const std::string& runner, absl::Duration since_begin) = 0;

  // `num_tokens` >= 1 have arrived together.
  virtual void OnNextTokens(const std::string& runner, absl::Duration since_last,
                            int num_tokens) = 0;

  // A generation has succeeded, `total` after its call began.
  virtual void OnGenerated(const std::string& graph, const std::string& node,
                           const v1::GenerationEnd& end, absl::Duration total) = 0;

  // A text has been scored, `duration` after its end.
  virtual void OnScored(const std::string& graph, const std::string& node,
                        absl::Duration duration) = 0;
};

}  // namespace chorus::gateway
