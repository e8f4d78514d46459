#include "runner_server/tokenizer/sentence_piece.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/model_file.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "proto/sentencepiece/sentencepiece_model.pb.h"
#include "runner_server/tokenizer/sentence_piece_merges.h"
#include "runner_server/tokenizer/sentence_piece_parts.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using sentencepiece::ModelProto;
using Kind = TokenizerClass::Kind;

constexpr int64_t kMaxFileBytes = 64 << 20;
constexpr int32_t kDefaultExtraIds = 100;
constexpr int32_t kMaxExtraIds = 10000;

bool HasByteFallback(Kind kind) { return kind == Kind::kLlama || kind == Kind::kGemma; }

class Converter {
 public:
  Converter(const ModelProto& proto, const TokenizerClass& tokenizer_class,
            const TokenizerConfig& config, std::string source)
      : proto_(proto), kind_(tokenizer_class.kind), config_(config) {
    spec_.source = std::move(source);
  }

  absl::StatusOr<TokenizerSpec> Convert() && {
    RETURN_IF_ERROR(SetVocabulary());
    RETURN_IF_ERROR(SetModel());
    AddSpecialPieces();
    SetSentencePieceParts(kind_, config_, proto_.normalizer_spec().precompiled_charsmap(), spec_);
    return std::move(spec_);
  }

 private:
  absl::Status Error(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(spec_.source, ": ", what));
  }

  std::string Special(const char* role) const {
    const auto found = config_.special_tokens.find(role);
    return found == config_.special_tokens.end() ? std::string() : found->second.content;
  }

  void AddPiece(std::string piece, double score) {
    spec_.tokens.push_back(std::move(piece));
    spec_.scores.push_back(score);
  }

  absl::Status SetVocabulary() {
    int first = 0;  // The pieces before it have others in their places.
    if (kind_ == Kind::kXlmRoberta) {
      for (const char* piece : {"<s>", "<pad>", "</s>", "<unk>"}) AddPiece(piece, 0);
      first = 3;
    } else if (kind_ == Kind::kGemma) {
      for (const char* role : {"pad_token", "eos_token", "bos_token"}) AddPiece(Special(role), 0);
      first = 3;
    }
    for (int i = first; i < proto_.pieces_size(); ++i) {
      const auto& piece = proto_.pieces(i);
      if (!std::isfinite(piece.score())) return Error(absl::StrFormat("piece %d has no score", i));
      // ALBERT's pieces that end in a digit and a comma are avoided.
      const std::string& text = piece.piece();
      const bool is_avoided = kind_ == Kind::kAlbert && text.size() >= 2 && text.back() == ',' &&
                              text[text.size() - 2] >= '0' && text[text.size() - 2] <= '9';
      AddPiece(text, is_avoided ? piece.score() - 100.0 : piece.score());
    }
    if (kind_ == Kind::kXlmRoberta) AddPiece("<mask>", 0);
    if (kind_ == Kind::kT5) {
      const int32_t count = std::min(config_.extra_ids.value_or(kDefaultExtraIds), kMaxExtraIds);
      for (int32_t i = count - 1; i >= 0; --i) {
        const std::string piece = absl::StrFormat("<extra_id_%d>", i);
        spec_.added_tokens.push_back(
            {.content = piece, .id = static_cast<int32_t>(spec_.tokens.size()), .special = true});
        AddPiece(piece, 0);
      }
    }
    if (kind_ == Kind::kGemma) ReplaceTab();
    return absl::OkStatus();
  }

  // Older Gemma models lack a tab.
  void ReplaceTab() {
    std::vector<std::string>& tokens = spec_.tokens;
    if (std::find(tokens.begin(), tokens.end(), "\t") != tokens.end()) return;
    const auto byte = std::find(tokens.begin(), tokens.end(), "<0x09>");
    if (byte == tokens.end()) return;
    *byte = std::string(1, '\t');
    spec_.scores[byte - tokens.begin()] = 0;
  }

  absl::Status SetModel() {
    const auto& trainer = proto_.trainer_spec();
    if (trainer.model_type() == sentencepiece::TrainerSpec::UNIGRAM) {
      int32_t unknown_id = trainer.unk_id();
      if (kind_ == Kind::kXlmRoberta || kind_ == Kind::kGemma) unknown_id = 3;
      if (kind_ == Kind::kLlama) unknown_id = 0;
      spec_.model = {{"type", "Unigram"},
                     {"unk_id", unknown_id < 0 ? json(nullptr) : json(uint32_t(unknown_id))},
                     {"byte_fallback", HasByteFallback(kind_)}};
      return absl::OkStatus();
    }
    if (trainer.model_type() != sentencepiece::TrainerSpec::BPE) {
      return Error("Chorus reads SentencePiece's unigram and BPE models, and this is another");
    }
    absl::flat_hash_map<std::string, int32_t> ids;
    for (int i = 0; i < proto_.pieces_size(); ++i) ids[proto_.pieces(i).piece()] = i;
    if (kind_ == Kind::kGemma && !ids.contains("\t") && ids.contains("<0x09>")) {
      const int32_t id = ids["<0x09>"];
      ids["\t"] = id;
    }
    auto merges = MergesOfPieces(spec_.tokens, spec_.scores, ids);
    if (!merges.ok()) return Error(std::string(merges.status().message()));
    spec_.merges = *std::move(merges);
    spec_.model = {{"type", "BPE"},
                   {"unk_token", trainer.unk_piece()},
                   {"fuse_unk", true},
                   {"byte_fallback", HasByteFallback(kind_)}};
    return absl::OkStatus();
  }

  // Control and user-defined pieces are added tokens.
  void AddSpecialPieces() {
    absl::flat_hash_map<std::string, int32_t> ids;
    for (size_t i = 0; i < spec_.tokens.size(); ++i) {
      ids[spec_.tokens[i]] = static_cast<int32_t>(i);
    }
    auto next_id = static_cast<int32_t>(spec_.tokens.size());
    for (const auto& piece : proto_.pieces()) {
      const bool is_control = piece.type() == ModelProto::SentencePiece::CONTROL;
      if (!is_control && piece.type() != ModelProto::SentencePiece::USER_DEFINED) continue;
      if (piece.piece().empty()) continue;
      const auto [found, inserted] = ids.try_emplace(piece.piece(), next_id);
      if (inserted) ++next_id;
      const bool is_turn = kind_ == Kind::kGemma &&
                           (piece.piece() == "<start_of_turn>" || piece.piece() == "<end_of_turn>");
      spec_.added_tokens.push_back(
          {.content = piece.piece(), .id = found->second, .special = is_control || is_turn});
    }
  }

  const ModelProto& proto_;
  const Kind kind_;
  const TokenizerConfig& config_;
  TokenizerSpec spec_;
};

}  // namespace

absl::StatusOr<TokenizerSpec> SentencePieceSpec(std::string_view bytes, std::string source,
                                                const TokenizerClass& tokenizer_class,
                                                const TokenizerConfig& config) {
  ModelProto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      proto.pieces_size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": not a SentencePiece model"));
  }
  if (static_cast<size_t>(proto.pieces_size()) > Vocabulary::kMaxTokens) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: more than %d pieces: %d", source,
                                                      Vocabulary::kMaxTokens, proto.pieces_size()));
  }
  return Converter(proto, tokenizer_class, config, std::move(source)).Convert();
}

absl::StatusOr<TokenizerSpec> ReadSentencePiece(const std::filesystem::path& path,
                                                const TokenizerClass& tokenizer_class,
                                                const TokenizerConfig& config) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxFileBytes));
  RETURN_IF_ERROR(CheckIsNoStandIn(path, bytes));
  return SentencePieceSpec(bytes, path.string(), tokenizer_class, config);
}

}  // namespace chorus::runner
