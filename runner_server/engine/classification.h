#pragma once

// What a classification is answered by. Plain data.

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace chorus {

// What the classifier says of one text.
struct TextClassification {
  std::vector<double> probabilities;  // Softmax of the logits, by label.
  int num_tokens = 0;                 // That the model saw, specials included.
};

using ClassificationResults = std::vector<TextClassification>;  // One for each text, in order.

// Called exactly once, without any lock held, on the engine thread, or on the tokenizer thread if
// the call never got that far. Must not block.
using ClassificationDone = absl::AnyInvocable<void(absl::StatusOr<ClassificationResults>) &&>;

}  // namespace chorus
