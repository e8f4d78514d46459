#include "runner_server/tokenizer/bpe_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/byte_alphabet.h"

namespace chorus::runner {
absl::StatusOr<std::unique_ptr<BpeModel>> BpeModel::Create(const Vocabulary& vocabulary,
                                                           const Merges& merges, Options options) {
  std::unique_ptr<BpeModel> model(new BpeModel(vocabulary, std::move(options)));
  if (model->options_.of_bytes) {
    RETURN_IF_ERROR(model->SetBytes());
  } else {
    RETURN_IF_ERROR(model->SetByteTokens());
  }
  RETURN_IF_ERROR(model->AddMerges(merges));
  return model;
}

absl::Status BpeModel::SetBytes() {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const std::string purpose = absl::StrFormat("stands for byte 0x%02X", byte);
    ASSIGN_OR_RETURN(byte_ids_[byte], vocabulary_.Require(ByteAlphabet()[byte], purpose));
  }
  if (options_.ignore_merges) {
    const std::vector<std::string>& tokens = vocabulary_.model_tokens();
    for (size_t id = 0; id < tokens.size(); ++id) {
      words_of_bytes_[SpelledBytes(tokens[id])] = static_cast<int32_t>(id);
    }
  }
  return absl::OkStatus();
}

absl::Status BpeModel::SetByteTokens() {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    byte_ids_[byte] = vocabulary_.FindOwn(absl::StrFormat("<0x%02X>", byte)).value_or(-1);
  }
  if (options_.unknown_token.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(unknown_id_,
                   vocabulary_.Require(options_.unknown_token, "stands for unknown characters"));
  return absl::OkStatus();
}

absl::Status BpeModel::AddMerges(const Merges& merges) {
  merges_.Reserve(merges.size());
  const size_t prefix_size = options_.continuing_prefix.size();
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto& [left, right] = merges[i];
    const auto error = [&, i](std::string_view what) {
      return absl::InvalidArgumentError(
          absl::StrFormat("merge %d (\"%s\" and \"%s\"): %s", i + 1, left, right, AbslView(what)));
    };
    const std::optional<int32_t> left_id = vocabulary_.FindOwn(left);
    const std::optional<int32_t> right_id = vocabulary_.FindOwn(right);
    if (!left_id || !right_id || right.size() < prefix_size) {
      return error("merges what is not in the vocabulary");
    }
    const std::optional<int32_t> merged_id = vocabulary_.FindOwn(left + right.substr(prefix_size));
    if (!merged_id) return error("makes what is not in the vocabulary");
    merges_.Add(*left_id, *right_id, *merged_id);
  }
  return absl::OkStatus();
}

std::optional<int32_t> BpeModel::FindWord(std::string_view word) const {
  if (!options_.of_bytes) return vocabulary_.FindOwn(word);
  const auto found = words_of_bytes_.find(AbslView(word));
  if (found == words_of_bytes_.end()) return std::nullopt;
  return found->second;
}

// As Hugging Face's merge_word: an unknown token waits for a known one, past those of bytes.
void BpeModel::SplitCharacters(std::string_view word, std::vector<int32_t>& symbols,
                               std::vector<uint32_t>& sizes) const {
  uint32_t unknown_size = 0;
  const auto add_unknown = [&] {
    if (unknown_size == 0) return;
    symbols.push_back(unknown_id_);
    sizes.push_back(unknown_size);
    unknown_size = 0;
  };
  const bool is_plain = options_.continuing_prefix.empty() && options_.word_suffix.empty();
  std::string dressed;
  for (size_t i = 0; i < word.size();) {
    const size_t size = DecodeUtf8(word.substr(i)).num_bytes;
    std::string_view symbol = word.substr(i, size);
    if (!is_plain) {
      dressed = absl::StrCat(i > 0 ? options_.continuing_prefix : "", AbslView(symbol),
                             i + size == word.size() ? options_.word_suffix : "");
      symbol = dressed;
    }
    i += size;
    if (const std::optional<int32_t> id = vocabulary_.FindOwn(symbol)) {
      add_unknown();
      symbols.push_back(*id);
      sizes.push_back(static_cast<uint32_t>(size));
      continue;
    }
    const auto has_token = [&](char byte) { return byte_ids_[static_cast<uint8_t>(byte)] >= 0; };
    if (options_.byte_fallback && std::all_of(symbol.begin(), symbol.end(), has_token)) {
      for (const char byte : symbol) {
        symbols.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
        sizes.push_back(1);
      }
    } else if (unknown_id_ >= 0) {
      if (!options_.fuse_unknown) add_unknown();
      unknown_size += static_cast<uint32_t>(size);
    }
  }
  add_unknown();
}

void BpeModel::Encode(std::string_view word, std::vector<int32_t>& ids,
                      std::vector<Part>* parts) const {
  if (options_.ignore_merges) {
    if (const std::optional<int32_t> id = FindWord(word)) {
      return Append(*id, 0, word.size(), ids, parts);
    }
  }
  const size_t num_ids = ids.size();
  if (options_.of_bytes) {
    for (const char byte : word) ids.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
    if (parts == nullptr) {
      ids.resize(num_ids + merges_.Apply(ids.data() + num_ids, nullptr, word.size()));
      return;
    }
  }
  std::vector<uint32_t> sizes(options_.of_bytes ? word.size() : 0, 1);
  if (!options_.of_bytes) SplitCharacters(word, ids, sizes);
  ids.resize(num_ids + merges_.Apply(ids.data() + num_ids, sizes.data(), sizes.size()));
  if (parts == nullptr) return;
  uint32_t begin = 0;
  for (size_t i = 0; i < ids.size() - num_ids; ++i) {
    parts->push_back({begin, begin + sizes[i]});
    begin += sizes[i];
  }
}

}  // namespace chorus::runner
