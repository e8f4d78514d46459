#pragma once

// What transformers' tokenizer classes do beyond the files: the special tokens that they assume,
// and the settings of tokenizer_config.json that they put over those of a tokenizer.json.
// Source: transformers 4.57, models/*/tokenization_*_fast.py.
//
// Thread safety: free functions without state.

#include <span>
#include <string_view>
#include <utility>

#include "runner_server/tokenizer/tokenizer_config.h"
#include "runner_server/tokenizer/tokenizer_spec.h"

namespace chorus::runner {

struct TokenizerClass {
  enum class Kind {
    kGeneric,  // Takes a tokenizer.json as it is, but for a prefix space.
    kGpt2,
    kBert,     // Sets the BertNormalizer's options.
    kRoberta,  // Sets the trimming of spans.
    kFramed,   // Frames texts with the tokens that begin and end them, if asked to.
    kAlbert,   // SentencePiece models, by how they are turned into a tokenizer.json:
    kDeberta,
    kT5,
    kXlmRoberta,
    kLlama,  // Frames texts, too.
    kGemma,
    kQwen2,
    kMpnet,
  };
  std::string_view name;  // Without "Tokenizer" or "TokenizerFast".
  Kind kind = Kind::kGeneric;
  // Role and content.
  std::span<const std::pair<std::string_view, std::string_view>> special_tokens;
  bool mask_strips_left = false;
};

// That of "tokenizer_class", or else of the config's "model_type"; either may be empty.
const TokenizerClass& FindTokenizerClass(std::string_view class_name, std::string_view model_type);

// Whether the class is of no model; those leave a tokenizer.json as it is.
bool IsGenericClass(std::string_view class_name);

// Puts the class's special tokens where the config has none of a role, and makes its mask strip.
void SetDefaultSpecialTokens(const TokenizerClass& tokenizer_class, TokenizerConfig& config);

// Changes what was read from a tokenizer.json as the class does.
void ApplySettings(const TokenizerClass& tokenizer_class, const TokenizerConfig& config,
                   TokenizerSpec& spec);

// Frames texts with the tokens that begin and end them, if the class does and is asked to.
void FrameAsAsked(const TokenizerClass& tokenizer_class, const TokenizerConfig& config,
                  TokenizerSpec& spec);

}  // namespace chorus::runner
