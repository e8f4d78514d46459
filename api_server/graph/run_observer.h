#pragma once

// What the executor tells of its runs, for metrics. `runner` is a generator's name among the
// executor's runners; a single model's run is told as of a graph and a node of the model's name.
//
// Thread safety: called by the runner clients' threads, several at once. None may block.

#include <string>

#include "absl/time/time.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus {

class RunObserver {
 public:
  virtual ~RunObserver() = default;

  // The first text of a generation has come so long after its call began.
  virtual void OnFirstToken(const std::string& runner, absl::Duration since_begin) = 0;

  // So many tokens, at least one, have come together, so long after those before them.
  virtual void OnNextTokens(const std::string& runner, absl::Duration since_last,
                            int num_tokens) = 0;

  // A generation has ended well, `total` after its call began.
  virtual void OnGenerated(const std::string& graph, const std::string& node,
                           const v1::GenerationEnd& end, absl::Duration total) = 0;

  // A text has been scored, so long after its end.
  virtual void OnScored(const std::string& graph, const std::string& node,
                        absl::Duration duration) = 0;
};

}  // namespace chorus
