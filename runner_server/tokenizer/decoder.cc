#include "runner_server/tokenizer/decoder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "runner_server/tokenizer/decoder_steps.h"
#include "runner_server/tokenizer/json_fields.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using Steps = std::vector<std::unique_ptr<DecoderStep>>;

constexpr int kMaxDepth = 8;

size_t NumBytes(const std::vector<std::string>& tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), size_t{0},
                         [](size_t sum, const std::string& token) { return sum + token.size(); });
}

absl::Status AddSteps(const json& object, const std::string& what, int depth, Steps& steps) {
  const JsonFields fields(object, what);
  ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("type"));
  if (type != "Sequence") {
    ASSIGN_OR_RETURN(auto step, DecoderStepFromJson(fields));
    steps.push_back(std::move(step));
    return absl::OkStatus();
  }
  const json& list = fields.Value("decoders");
  if (!list.is_array() || depth == kMaxDepth) return fields.Unimplemented("decoders");
  for (size_t i = 0; i < list.size(); ++i) {
    RETURN_IF_ERROR(
        AddSteps(list[i], absl::StrFormat("%s.decoders[%d]", what, i), depth + 1, steps));
  }
  return absl::OkStatus();
}

}  // namespace

Decoder::Decoder() { steps_.push_back(SpacesBetweenTokens()); }

absl::StatusOr<Decoder> Decoder::FromJson(const json& object, const std::string& what) {
  Decoder decoder;
  if (object.is_null()) return decoder;
  decoder.steps_.clear();
  RETURN_IF_ERROR(AddSteps(object, what, /*depth=*/0, decoder.steps_));
  return decoder;
}

absl::StatusOr<std::string> Decoder::Decode(std::vector<std::string> tokens) const {
  size_t most = tokens.size() + NumBytes(tokens);  // An empty token, too, may become something.
  TextBudget budget(most);
  for (const auto& step : steps_) {
    step->Decode(tokens, budget, most + budget.room());
    RETURN_IF_ERROR(budget.Charge(NumBytes(tokens), most));
  }
  return absl::StrJoin(tokens, "");
}

absl::StatusOr<bool> Decoder::DecodeAlone(std::string_view token, TextBudget& budget,
                                          DecodedToken& decoded) const {
  decoded = DecodedToken();
  decoded.text = decoded.first_text = decoded.last_text = token;
  size_t most = token.size();
  for (const auto& step : steps_) {
    if (decoded.is_left_out) break;
    const size_t max_bytes = std::min(TextBudget::MostOf(token.size()), most + budget.room());
    if (!step->DecodeAlone(decoded, budget, max_bytes)) return false;
    const size_t size =
        std::max({decoded.text.size(), decoded.first_text.size(), decoded.last_text.size()});
    if (size > TextBudget::MostOf(token.size())) return TextBudget(token.size()).TooMuch();
    RETURN_IF_ERROR(budget.Charge(size, most));
  }
  return decoded.first_text == decoded.text || decoded.last_text == decoded.text;
}

bool Decoder::replaces_each_byte() const {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const auto& step) { return step->replaces_each_byte(); });
}

}  // namespace chorus::runner
