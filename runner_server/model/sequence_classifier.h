#pragma once

// A model that gives each token sequence one logit for each label.
//
// Thread safety: none; the engine thread owns it. The implementation may use threads of its own
// inside a call.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chorus::runner {

class SequenceClassifier {
 public:
  virtual ~SequenceClassifier() = default;

  virtual int vocab_size() const = 0;
  virtual int context_size() const = 0;  // Most tokens of one sequence.
  virtual const std::vector<std::string>& labels()
      const = 0;  // By index, from config.json's id2label.
  // Whether a row's logits do not depend on the other rows of a pass, to the bit.
  virtual bool batch_invariant() const = 0;

  // Number of threads of the following calls, the calling one included: from 1 to the number it was
  // created with, the initial value. Does not affect results.
  virtual void set_num_threads(int num_threads) = 0;

  // `rows` are token sequences with specials, each 1 to context_size() long; no padding. Returns
  // logits, [rows.size(), labels().size()], valid until the next call.
  virtual std::span<const float> Forward(std::span<const std::span<const int32_t>> rows) = 0;
};

}  // namespace chorus::runner
