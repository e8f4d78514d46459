#pragma once

// The kinds of DecoderStep.
//
// Thread safety: free functions without state.

#include <memory>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/decoder.h"
#include "runner_server/tokenizer/json_fields.h"

namespace chorus::runner {

// By field "type": ByteLevel, ByteFallback, Metaspace, WordPiece, BPEDecoder, CTC, Replace, Strip
// or Fuse. INVALID_ARGUMENT begins with `fields.what()`.
absl::StatusOr<std::unique_ptr<DecoderStep>> DecoderStepFromJson(const JsonFields& fields);

// A space before every token but the first.
std::unique_ptr<DecoderStep> SpacesBetweenTokens();

}  // namespace chorus::runner
