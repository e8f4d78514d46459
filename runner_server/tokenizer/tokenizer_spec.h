#pragma once

// What makes up a tokenizer, as tokenizer.json has it: the parts in JSON, and the vocabulary. Files
// of other kinds are turned into this as transformers turns them into a tokenizer.json.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runner_server/tokenizer/bpe_model.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

struct TokenizerSpec {
  std::string source;  // The file, or the folder of several; errors begin with it.

  nlohmann::json normalizer;  // Null: none, as with the others.
  nlohmann::json pre_tokenizer;
  nlohmann::json post_processor;
  nlohmann::json decoder;
  nlohmann::json model;  // Type and settings, without the vocabulary.

  // For the contents of normalized added tokens, if it is not `normalizer`.
  std::optional<nlohmann::json> added_token_normalizer;

  std::vector<std::string> tokens;       // By id.
  std::vector<double> scores;            // Of a Unigram's tokens.
  Merges merges;                         // Of a BPE.
  std::string unread_merge;              // A last "left right" that transformers does not read; its
                                         // token needs no other merge.
  std::vector<AddedToken> added_tokens;  // See Vocabulary::Create.
  bool truncates_left = false;           // If tokenizer_config.json does not say.
};

}  // namespace chorus::runner
