#pragma once

// A tokenizer's settings besides the vocabulary: tokenizer_config.json and, in older folders,
// special_tokens_map.json and added_tokens.json, read as by transformers.
//
// Errors are those of base/model_file.h; missing files count as empty.
//
// Thread safety: free function without state.

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

// Roles of special tokens, in the order in which transformers adds those that a vocabulary lacks.
inline constexpr std::array<std::string_view, 7> kSpecialTokenRoles = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

struct TokenizerConfig {
  std::string tokenizer_class;  // "BertTokenizer"; empty if not said.
  std::optional<bool> do_lower_case;
  std::optional<bool> strip_accents;
  std::optional<bool> tokenize_chinese_chars;
  std::optional<int> model_max_length;  // Tokens of a text; "none" is left unset. >= 2.
  std::optional<bool> trim_offsets;
  std::optional<bool> add_prefix_space;
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  std::optional<bool> legacy;          // Of Llama and T5, their first handling of spaces.
  std::optional<bool> keep_accents;    // Of ALBERT.
  std::optional<bool> split_by_punct;  // Of DeBERTa.
  std::optional<int32_t> extra_ids;    // Of T5, the number of sentinels.
  std::optional<bool> truncates_left;
  bool mask_is_plain = false;  // "mask_token" is a string, without properties of its own.

  // By role, "eos_token"; a role that is null has an empty content. Ids are not known here.
  std::map<std::string, AddedToken> special_tokens;

  // Special tokens without such a role: of "additional_special_tokens" and "extra_special_tokens".
  std::vector<AddedToken> more_special_tokens;

  std::vector<AddedToken> added_tokens;  // With ids.
};

absl::StatusOr<TokenizerConfig> ReadTokenizerConfig(const std::filesystem::path& folder);

}  // namespace chorus::runner
