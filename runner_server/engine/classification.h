#pragma once

// What a classification is asked with and answered by. Plain data.

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chorus {

struct ClassificationRequest {
  std::vector<std::string> texts;     // At least one; valid UTF-8.
  bool refuse_truncation = false;     // Of texts longer than the engine's context.
  bool split_special_tokens = false;  // As Tokenizer::Encode's.
  bool underway = false;              // As QueueBudget's and MicroBatcher's.
};

// What the classifier says of one text.
struct TextClassification {
  std::vector<double> probabilities;  // Softmax of the logits, by label.
  int num_tokens = 0;                 // That the model saw, specials included.
  int text_tokens = 0;                // Those of the whole text; more where it was cut.
};

struct ClassificationResults {
  std::vector<TextClassification> texts;  // One for each text of the call, in order.
  absl::Duration queue;                   // From the call's arrival to its first batch,
  absl::Duration compute;                 // and from there to its last row's result.
  int max_batch_size = 0;                 // Rows of the largest batch it was part of.
};

// Called exactly once, without any lock held, on the engine thread, or on the tokenizer thread if
// the call never got that far. Must not block.
using ClassificationDone = absl::AnyInvocable<void(absl::StatusOr<ClassificationResults>) &&>;

}  // namespace chorus
