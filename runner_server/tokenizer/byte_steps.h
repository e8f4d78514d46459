#pragma once

// The kinds of DecoderStep by which tokens become bytes.
//
// Thread safety: free functions without state.

#include <memory>

#include "runner_server/tokenizer/decoder.h"

namespace chorus::runner {

// ByteLevel: the bytes that all tokens spell (byte_alphabet.h) are one text.
std::unique_ptr<DecoderStep> BytesOfByteLevel();

// ByteFallback: each run of tokens such as "<0x0A>" is a text.
std::unique_ptr<DecoderStep> BytesOfTokens();

}  // namespace chorus::runner
