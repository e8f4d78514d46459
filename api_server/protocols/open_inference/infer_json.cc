#include "api_server/protocols/open_inference/infer_json.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api_server/protocols/json_fields.h"
#include "base/error_details.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostBytes = INT32_MAX;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The strings in `data`, which may be an array of arrays, row by row. False if there is another
// thing. The reader has bounded the depth.
bool Flatten(const nlohmann::json& data, std::vector<std::string>& texts) {
  if (data.is_string()) {
    texts.push_back(data.get<std::string>());
    return true;
  }
  if (!data.is_array()) return false;
  for (const nlohmann::json& part : data) {
    if (!Flatten(part, texts)) return false;
  }
  return true;
}

std::optional<std::vector<int64_t>> TakeShape(JsonFields& fields) {
  const nlohmann::json* shape = fields.Any("shape");
  std::vector<int64_t> sizes;
  bool taken = shape != nullptr && shape->is_array();
  for (size_t i = 0; taken && i < shape->size(); ++i) {
    taken = (*shape)[i].is_number_unsigned() && (*shape)[i].get<uint64_t>() <= INT64_MAX;
    if (taken) sizes.push_back((*shape)[i].get<int64_t>());
  }
  if (taken) return sizes;
  fields.Refuse("shape", "must be an array of sizes");
  return std::nullopt;
}

// Takes `num_bytes` off the front of `rest`.
absl::StatusOr<std::vector<std::string>> TakeRaw(int64_t num_bytes, std::string_view& rest) {
  if (static_cast<size_t>(num_bytes) > rest.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the body has ", rest.size(), " bytes of raw contents where ", num_bytes, " are named"));
  }
  const std::string_view raw = rest.substr(0, static_cast<size_t>(num_bytes));
  rest.remove_prefix(raw.size());
  return DecodeTexts(raw);
}

absl::StatusOr<TextTensor> TakeInput(JsonFields fields, const std::string& field,
                                     std::string_view& rest) {
  TextTensor tensor = {.name = fields.String("name").value_or("")};
  if (tensor.name.empty()) fields.Refuse("name", "is missing");
  const std::string datatype = fields.String("datatype").value_or("");
  const std::optional<std::vector<int64_t>> shape = TakeShape(fields);
  std::optional<int64_t> num_raw;
  if (std::optional<JsonFields> parameters = fields.Object("parameters")) {
    num_raw = parameters->Integer("binary_data_size", 0, kMostBytes);
    fields.Note(parameters->Done());
  }
  const nlohmann::json* data = fields.Any("data");
  if ((data == nullptr) == !num_raw.has_value()) {
    fields.Refuse("data", "must be there, or parameters.binary_data_size, but not both");
  } else if (data != nullptr && (!data->is_array() || !Flatten(*data, tensor.texts))) {
    fields.Refuse("data", "must be an array of strings");
  }
  RETURN_IF_ERROR(fields.Done());
  if (num_raw) {
    absl::StatusOr<std::vector<std::string>> texts = TakeRaw(*num_raw, rest);
    if (!texts.ok()) {
      return WithField(
          absl::InvalidArgumentError(absl::StrCat(field, ": ", texts.status().message())), field);
    }
    tensor.texts = *std::move(texts);
  }
  RETURN_IF_ERROR(CheckTensor(field, datatype, *shape, tensor.texts.size()));
  return tensor;
}

absl::Status TakeOutput(JsonFields fields, InferBody& body) {
  const std::string name = fields.String("name").value_or("");
  if (name.empty()) fields.Refuse("name", "is missing");
  if (std::optional<JsonFields> parameters = fields.Object("parameters")) {
    if (const auto raw = parameters->Bool("binary_data")) body.raw.named[name] = *raw;
    fields.Note(parameters->Done());
  }
  RETURN_IF_ERROR(fields.Done());
  body.infer.outputs.push_back(name);
  return absl::OkStatus();
}

// Calls `take` for each object of the array `name`.
template <typename Take>
absl::Status ForEachObject(JsonFields& fields, const char* name, Take take) {
  const nlohmann::json* all = fields.Any(name);
  if (all == nullptr) return absl::OkStatus();
  bool taken = all->is_array();
  for (size_t i = 0; taken && i < all->size(); ++i) {
    taken = (*all)[i].is_object();
    const std::string field = absl::StrCat(name, "[", i, "]");
    if (taken) RETURN_IF_ERROR(take(JsonFields((*all)[i], field + "."), field));
  }
  if (!taken) fields.Refuse(name, "must be an array of objects");
  return absl::OkStatus();
}

void TakeParameters(JsonFields& fields, nlohmann::json& parameters) {
  if (std::optional<JsonFields> given = fields.Object("parameters")) parameters = given->object();
}

absl::StatusOr<size_t> JsonLength(std::string_view body, const std::string* field) {
  if (field == nullptr) return body.size();
  uint64_t length = 0;
  const bool is_number = field->find_first_not_of("0123456789") == std::string::npos &&
                         absl::SimpleAtoi(*field, &length);
  if (is_number && length <= body.size()) return static_cast<size_t>(length);
  return absl::InvalidArgumentError(absl::StrCat(
      kJsonLengthField, " must be a number of bytes that the body has, at most ", body.size()));
}

Json ToJson(const OutputTensor::Values& values) {
  return std::visit([](const auto& all) { return Json(all); }, values);
}

template <typename Tensors>
Json TensorsJson(const Tensors& tensors) {
  Json all = Json::array();
  for (const auto& tensor : tensors) {
    all.push_back({{"name", tensor.name()},
                   {"datatype", tensor.datatype()},
                   {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())}});
  }
  return all;
}

// What replies begin with.
Json HeadOf(const InferReply& reply) {
  Json head = {{"model_name", reply.model}};
  if (!reply.version.empty()) head["model_version"] = reply.version;
  if (!reply.id.empty()) head["id"] = reply.id;
  return head;
}

}  // namespace

absl::StatusOr<InferBody> ParseInferBody(std::string_view body, const std::string* json_length) {
  ASSIGN_OR_RETURN(const size_t num_json, JsonLength(body, json_length));
  ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Parse(body.substr(0, num_json)));
  std::string_view rest = body.substr(num_json);
  InferBody parsed;
  InferRequest& infer = parsed.infer;
  infer.id = fields.String("id").value_or("");
  TakeParameters(fields, infer.parameters);
  if (const auto raw = infer.parameters.find("binary_data_output"); raw != infer.parameters.end()) {
    if (!raw->is_boolean()) fields.Refuse("binary_data_output", "must be true or false");
    parsed.raw.all = raw->is_boolean() && raw->get<bool>();
    infer.parameters.erase(raw);
  }
  RETURN_IF_ERROR(ForEachObject(
      fields, "inputs", [&](JsonFields tensor, const std::string& field) -> absl::Status {
        ASSIGN_OR_RETURN(TextTensor input, TakeInput(std::move(tensor), field, rest));
        infer.inputs.push_back(std::move(input));
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(ForEachObject(fields, "outputs", [&](JsonFields output, const std::string&) {
    return TakeOutput(std::move(output), parsed);
  }));
  RETURN_IF_ERROR(fields.Done());
  if (!rest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body has ", rest.size(), " bytes more of raw contents than are named"));
  }
  return parsed;
}

HttpReply ToHttpReply(const InferReply& reply, const RawOutputs& raw) {
  Json json = HeadOf(reply);
  Json& outputs = json["outputs"] = Json::array();
  std::string contents;
  bool any_raw = false;
  for (const OutputTensor& tensor : reply.outputs) {
    Json output = {
        {"name", tensor.name}, {"datatype", DatatypeOf(tensor)}, {"shape", tensor.shape}};
    if (raw.Has(tensor.name)) {
      any_raw = true;
      const std::string bytes = EncodeValues(tensor.values);
      output["parameters"] = {{"binary_data_size", bytes.size()}};
      contents += bytes;
    } else {
      output["data"] = ToJson(tensor.values);
    }
    outputs.push_back(std::move(output));
  }
  HttpReply http = {.content_type = "application/json", .body = Dump(json)};
  if (any_raw) {
    http.content_type = "application/octet-stream";
    http.fields.push_back({kJsonLengthField, std::to_string(http.body.size())});
    http.body += contents;
  }
  return http;
}

absl::StatusOr<InferRequest> ParseGenerateBody(std::string_view body) {
  ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Parse(body));
  InferRequest infer;
  infer.id = fields.String("id").value_or("");
  TakeParameters(fields, infer.parameters);
  const std::optional<std::string> text = fields.String("text_input");
  if (!text) fields.Refuse("text_input", "is missing");
  RETURN_IF_ERROR(fields.Done());
  infer.inputs.push_back({.name = "text_input", .texts = {*text}});
  return infer;
}

std::string GenerateReplyJson(const InferReply& reply) {
  Json json = HeadOf(reply);
  for (const OutputTensor& tensor : reply.outputs) {
    Json values = ToJson(tensor.values);
    json[tensor.name] = values.size() == 1 ? values[0] : values;
  }
  return Dump(json);
}

std::string MetadataJson(const inference::ServerMetadataResponse& metadata) {
  return Dump({{"name", metadata.name()},
               {"version", metadata.version()},
               {"extensions", std::vector<std::string>(metadata.extensions().begin(),
                                                       metadata.extensions().end())}});
}

std::string MetadataJson(const inference::ModelMetadataResponse& metadata) {
  return Dump({{"name", metadata.name()},
               {"versions",
                std::vector<std::string>(metadata.versions().begin(), metadata.versions().end())},
               {"platform", metadata.platform()},
               {"inputs", TensorsJson(metadata.inputs())},
               {"outputs", TensorsJson(metadata.outputs())}});
}

std::string OpenInferenceErrorJson(const absl::Status& error) {
  return Dump({{"error", std::string(error.message())}});
}

}  // namespace chorus::gateway
