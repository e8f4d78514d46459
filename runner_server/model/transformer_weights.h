#pragma once

// The weights of an Architecture, read and packed for the kernels.
// Thread safety: immutable once read, but for the buffers of the encoder's head.

#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/kernels/linear.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/encoder_head.h"
#include "runner_server/model/weight_source.h"

namespace chorus::runner {

struct SublayerNorms {
  Norm before, output, sum;  // As NormNames.
};

struct LayerWeights {
  SublayerNorms attention_norms;
  Linear qkv;           // [hidden] -> [q | k | v]
  Norm q_norm, k_norm;  // Of a head.
  Linear attention_out;
  SublayerNorms mlp_norms;
  Linear inner;
  Linear outer;
};

// What an architecture does not have is empty.
struct TransformerWeights {
  // RESOURCE_EXHAUSTED without memory. `source` may go afterwards.
  static absl::StatusOr<TransformerWeights> Read(const Architecture& architecture,
                                                 const WeightSource& source, Precision precision,
                                                 ThreadPool& pool);

  // The token embedding; a language model's is packed, since a tied head shares it.
  Linear packed_embedding;             // [embedding] -> [vocab]
  std::vector<float> token_embedding;  // [vocab, embedding]
  std::vector<float> positions;        // [positions, embedding, or hidden if added behind]
  std::vector<float> token_types;      // [token types, embedding]
  Norm embedding_norm;
  Linear embedding_projection;
  std::vector<LayerWeights> layers;  // [num_stored_layers]
  Norm final_norm;
  Linear head_projection;
  Linear head;               // A language model's; empty when tied.
  EncoderHead encoder_head;  // An encoder's.
};

}  // namespace chorus::runner
