#include "api_server/protocols/tei/tei_request.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api_server/protocols/json_fields.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

constexpr char kForms[] =
    "must be a string, a pair of strings, or an array of arrays of one string or of two";

// Adds a text, or a pair. False if `value` is no array of one or two strings.
bool AddSequence(const nlohmann::json& value, v1::ClassifyRequest& request) {
  if (!value.is_array() || value.empty() || value.size() > 2) return false;
  for (const nlohmann::json& text : value) {
    if (!text.is_string()) return false;
  }
  request.add_texts(value[0].get<std::string>());
  if (value.size() == 2) request.add_text_pairs(value[1].get<std::string>());
  return true;
}

void TakeInputs(JsonFields& fields, PredictRequest& request) {
  const nlohmann::json* inputs = fields.Any("inputs");
  if (inputs == nullptr) return fields.Refuse("inputs", "is missing");
  if (inputs->is_string()) return request.classify.add_texts(inputs->get<std::string>());
  if (AddSequence(*inputs, request.classify)) return;
  request.is_batch = true;
  bool taken = inputs->is_array() && !inputs->empty();
  if (taken && inputs->size() > kMostInputs) {
    return fields.Refuse(
        "inputs", absl::StrCat("must have at most ", kMostInputs, " entries: ", inputs->size()));
  }
  for (size_t i = 0; taken && i < inputs->size(); ++i) {
    taken = AddSequence((*inputs)[i], request.classify);
  }
  if (!taken) return fields.Refuse("inputs", kForms);
  const int num_pairs = request.classify.text_pairs_size();
  if (num_pairs != 0 && num_pairs != request.classify.texts_size()) {
    fields.Refuse("inputs", "must be single texts, or pairs, but not both");
  }
}

// `truncate` and what there is one of.
template <typename Request>
void TakeTruncation(JsonFields& fields, Request& request) {
  if (const auto truncate = fields.Bool("truncate")) request.set_truncate(*truncate);
  const std::string direction = fields.String("truncation_direction").value_or("right");
  if (absl::AsciiStrToLower(direction) != "right") {
    fields.Refuse("truncation_direction", "must be right: the beginning of a text is what is read");
  }
}

void TakeFunction(JsonFields& fields, v1::ClassifyRequest& request) {
  const auto function = fields.String("function_to_apply");
  if (!function) return;
  if (*function == "softmax") return request.set_score_kind(v1::SCORE_KIND_SOFTMAX);
  if (*function == "sigmoid") return request.set_score_kind(v1::SCORE_KIND_SIGMOID);
  if (*function == "none") return request.set_score_kind(v1::SCORE_KIND_RAW);
  fields.Refuse("function_to_apply", "must be softmax, sigmoid or none");
}

}  // namespace

absl::StatusOr<PredictRequest> ParsePredictRequest(std::string_view body) {
  ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Parse(body));
  PredictRequest request;
  TakeInputs(fields, request);
  TakeTruncation(fields, request.classify);
  if (fields.Bool("raw_scores").value_or(false)) {
    request.classify.set_score_kind(v1::SCORE_KIND_RAW);
  }
  if (std::optional<JsonFields> parameters = fields.Object("parameters")) {
    TakeFunction(*parameters, request.classify);
    request.top_k = parameters->Integer("top_k", 1, INT32_MAX);
    fields.Note(parameters->Done());
  }
  RETURN_IF_ERROR(fields.Done());
  return request;
}

absl::StatusOr<v1::EmbedRequest> ParseEmbedRequest(std::string_view body) {
  ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Parse(body));
  v1::EmbedRequest request;
  for (std::string& text : fields.Strings("inputs")) request.add_texts(std::move(text));
  if (request.texts().empty() || static_cast<size_t>(request.texts_size()) > kMostInputs) {
    fields.Refuse("inputs",
                  absl::StrCat("must be a string, or an array of 1 to ", kMostInputs, " strings"));
  }
  TakeTruncation(fields, request);
  request.set_normalize(fields.Bool("normalize").value_or(true));
  if (const auto dimensions = fields.Integer("dimensions", 1, INT32_MAX)) {
    request.set_dimensions(static_cast<uint32_t>(*dimensions));
  }
  if (fields.Any("prompt_name") != nullptr) {
    fields.Refuse("prompt_name", "is not served: put the prompt before the text");
  }
  if (fields.String("encoding_format").value_or("float") != "float") {
    fields.Refuse("encoding_format", "must be float");
  }
  RETURN_IF_ERROR(fields.Done());
  return request;
}

}  // namespace chorus::gateway
