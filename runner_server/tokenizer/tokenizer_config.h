#pragma once

// A tokenizer's settings besides the vocabulary: tokenizer_config.json and, in older folders,
// special_tokens_map.json and added_tokens.json, read as by transformers.
//
// Errors are those of base/model_file.h; missing files count as empty.
//
// Thread safety: free function without state.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

struct TokenizerConfig {
  std::string tokenizer_class;  // "BertTokenizer"; empty if not said.
  std::optional<bool> do_lower_case;
  std::optional<bool> strip_accents;
  std::optional<bool> tokenize_chinese_chars;
  std::optional<int> model_max_length;  // Tokens of a text; "none" is left unset. >= 2.
  std::optional<bool> trim_offsets;
  bool add_prefix_space = false;
  bool add_bos_token = false;

  // By role, "eos_token"; a role that is null has an empty content. Ids are not known here.
  std::map<std::string, AddedToken> special_tokens;

  // Special tokens without a role, such as those of "additional_special_tokens".
  std::vector<AddedToken> more_special_tokens;

  std::vector<AddedToken> added_tokens;  // With ids.
};

// With `mask_strips_left` a "mask_token" given as a string has lstrip.
absl::StatusOr<TokenizerConfig> ReadTokenizerConfig(const std::filesystem::path& folder,
                                                    bool mask_strips_left = false);

}  // namespace chorus::runner
