#pragma once

// The normalizer, pre-tokenizer, decoder and post-processor that transformers gives a SentencePiece
// model, by its tokenizer's class. Source: transformers 4.57, convert_slow_tokenizer.py.
//
// Thread safety: free function without state.

#include <string>

#include "runner_server/tokenizer/tokenizer_class.h"
#include "runner_server/tokenizer/tokenizer_config.h"
#include "runner_server/tokenizer/tokenizer_spec.h"

namespace chorus::runner {

// `charsmap` is the model's precompiled map of characters; empty for none.
void SetSentencePieceParts(TokenizerClass::Kind kind, const TokenizerConfig& config,
                           const std::string& charsmap, TokenizerSpec& spec);

}  // namespace chorus::runner
