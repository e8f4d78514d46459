#include "runner_server/tokenizer/decoder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
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

std::string Decoder::Decode(std::vector<std::string> tokens) const {
  for (const auto& step : steps_) step->Decode(tokens);
  return absl::StrJoin(tokens, "");
}

bool Decoder::DecodeAlone(std::string_view token, DecodedToken& decoded) const {
  decoded = DecodedToken();
  decoded.text = decoded.first_text = decoded.last_text = token;
  for (const auto& step : steps_) {
    if (!decoded.is_left_out && !step->DecodeAlone(decoded)) return false;
  }
  return decoded.first_text == decoded.text || decoded.last_text == decoded.text;
}

bool Decoder::replaces_each_byte() const {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const auto& step) { return step->replaces_each_byte(); });
}

}  // namespace chorus::runner
