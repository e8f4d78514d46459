#pragma once

// The merges of a SentencePiece byte-pair encoding, whose file has only the scores of its pieces.
//
// Thread safety: free function without state.

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "runner_server/tokenizer/bpe_model.h"

namespace chorus::runner {

// Every way to make a piece of two of `ids`, those of the best scores first, as transformers'
// generate_merges. INVALID_ARGUMENT names a piece that is too long to be one.
absl::StatusOr<Merges> MergesOfPieces(const std::vector<std::string>& pieces,
                                      const std::vector<double>& scores,
                                      const absl::flat_hash_map<std::string, int32_t>& ids);

}  // namespace chorus::runner
