#include "runner_server/tokenizer/sentence_piece_merges.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus::runner {
namespace {

constexpr size_t kMaxPieceBytes = 256;
constexpr size_t kMaxMerges = 1 << 22;

struct Merge {
  std::string_view piece;
  uint32_t left_bytes;
  uint32_t left_characters;
  uint32_t right_characters;
  double score;
  int32_t left_id;
  int32_t right_id;
};

// The ways to make one piece, by the ids of their parts.
void AddMerges(std::string_view piece, double score,
               const absl::flat_hash_map<std::string, int32_t>& ids, std::vector<Merge>& merges) {
  std::vector<size_t> ends;  // Of its characters.
  for (size_t i = 0; i < piece.size();) {
    i += DecodeUtf8(piece.substr(i)).num_bytes;
    ends.push_back(i);
  }
  const auto first = static_cast<ptrdiff_t>(merges.size());
  for (size_t i = 0; i + 1 < ends.size(); ++i) {
    const auto left = ids.find(AbslView(piece.substr(0, ends[i])));
    if (left == ids.end()) continue;
    const auto right = ids.find(AbslView(piece.substr(ends[i])));
    if (right == ids.end()) continue;
    merges.push_back({piece, static_cast<uint32_t>(ends[i]), static_cast<uint32_t>(i + 1),
                      static_cast<uint32_t>(ends.size() - i - 1), score, left->second,
                      right->second});
  }
  std::stable_sort(merges.begin() + first, merges.end(), [](const Merge& a, const Merge& b) {
    return std::tie(a.left_id, a.right_id) < std::tie(b.left_id, b.right_id);
  });
}

}  // namespace

absl::StatusOr<Merges> MergesOfPieces(const std::vector<std::string>& pieces,
                                      const std::vector<double>& scores,
                                      const absl::flat_hash_map<std::string, int32_t>& ids) {
  absl::flat_hash_map<std::string_view, double> last_scores;  // Of equal pieces the last counts,
  for (size_t i = 0; i < pieces.size(); ++i) last_scores[pieces[i]] = scores[i];
  std::vector<Merge> merges;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto found = last_scores.find(pieces[i]);
    if (found == last_scores.end()) continue;  // in the place of the first.
    if (pieces[i].size() > kMaxPieceBytes) {
      return absl::InvalidArgumentError(
          absl::StrFormat("piece %d has more than %d bytes", i, kMaxPieceBytes));
    }
    AddMerges(pieces[i], found->second, ids, merges);
    last_scores.erase(found);
    if (merges.size() > kMaxMerges) return absl::InvalidArgumentError("has too many merges");
  }
  std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    return std::tie(a.score, a.left_characters, a.right_characters) >
           std::tie(b.score, b.left_characters, b.right_characters);
  });
  Merges pairs;
  pairs.reserve(merges.size());
  for (const Merge& merge : merges) {
    pairs.emplace_back(merge.piece.substr(0, merge.left_bytes),
                       merge.piece.substr(merge.left_bytes));
  }
  return pairs;
}

}  // namespace chorus::runner
