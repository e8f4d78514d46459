#pragma once

// A model that reads whole token sequences and gives each the same number of values: a logit for
// each label, or a vector. Its head says which.
//
// Thread safety: none; the engine thread owns it. The implementation may use threads of its own
// inside a call.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runner_server/model/architecture.h"
#include "runner_server/model/device.h"

namespace chorus::runner {

class SequenceEncoder {
 public:
  // One sequence, with specials, 1 to context_size() long.
  struct Row {
    explicit Row(std::span<const int32_t> ids, std::span<const int32_t> type_ids = {},
                 int num_unpooled = 0)
        : ids(ids), type_ids(type_ids), num_unpooled(num_unpooled) {}
    std::span<const int32_t> ids;       // Below vocab_size().
    std::span<const int32_t> type_ids;  // As many, below num_token_types(); or none: all 0.
    int num_unpooled;                   // First tokens that a mean of all leaves out.
  };

  virtual ~SequenceEncoder() = default;

  virtual int vocab_size() const = 0;
  virtual int context_size() const = 0;     // Most tokens of one sequence.
  virtual int num_token_types() const = 0;  // At least 1.
  virtual const Head& head() const = 0;     // A ClassificationHead or an EmbeddingHead.
  virtual int num_values() const = 0;       // Of a row: labels, or numbers of a vector.
  // Whether a row's values do not depend on the other rows of a pass, to the bit.
  virtual bool batch_invariant() const = 0;

  // Number of threads of the following calls, the calling one included: from 1 to the number it was
  // created with, the initial value. Does not affect results.
  virtual void set_num_threads(int num_threads) = 0;

  // May be called from any thread.
  virtual DeviceStats device_stats() const { return {}; }

  // No padding. Returns [rows.size(), num_values()], valid until the next call.
  virtual std::span<const float> Forward(std::span<const Row> rows) = 0;

  // Of a classifier, by index.
  const std::vector<std::string>& labels() const {
    return std::get<ClassificationHead>(head()).labels;
  }
};

}  // namespace chorus::runner
