#include "api_server/protocols/open_inference/infer_proto.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

nlohmann::json ToJson(const inference::InferParameter& parameter) {
  using inference::InferParameter;
  switch (parameter.parameter_choice_case()) {
    case InferParameter::kBoolParam:
      return parameter.bool_param();
    case InferParameter::kInt64Param:
      return parameter.int64_param();
    case InferParameter::kStringParam:
      return parameter.string_param();
    case InferParameter::kDoubleParam:
      return parameter.double_param();
    case InferParameter::kUint64Param:
      return parameter.uint64_param();
    case InferParameter::PARAMETER_CHOICE_NOT_SET:
      return nullptr;
  }
  return nullptr;
}

// Tensors have no parameters here.
template <typename Tensor>
absl::Status CheckNoParameters(const Tensor& tensor, const std::string& field) {
  if (tensor.parameters().empty()) return absl::OkStatus();
  return FieldError(
      absl::StrCat(field, ".parameters"),
      absl::StrCat("has a name that is not known here: ", tensor.parameters().begin()->first));
}

void SetContents(const OutputTensor::Values& values, inference::InferTensorContents& contents) {
  if (const auto* texts = std::get_if<std::vector<std::string>>(&values)) {
    for (const std::string& text : *texts) contents.add_bytes_contents(text);
  } else if (const auto* floats = std::get_if<std::vector<float>>(&values)) {
    contents.mutable_fp32_contents()->Add(floats->begin(), floats->end());
  } else {
    const auto& doubles = std::get<std::vector<double>>(values);
    contents.mutable_fp64_contents()->Add(doubles.begin(), doubles.end());
  }
}

}  // namespace

absl::StatusOr<InferRequest> FromProto(const inference::ModelInferRequest& request) {
  InferRequest infer = {
      .model = request.model_name(), .version = request.model_version(), .id = request.id()};
  for (const auto& [name, value] : request.parameters()) infer.parameters[name] = ToJson(value);
  const bool raw = !request.raw_input_contents().empty();
  if (raw && request.raw_input_contents_size() != request.inputs_size()) {
    return FieldError("raw_input_contents",
                      absl::StrCat("must be none, or as many as inputs, ", request.inputs_size(),
                                   ": ", request.raw_input_contents_size()));
  }
  for (int i = 0; i < request.inputs_size(); ++i) {
    const auto& input = request.inputs(i);
    const std::string field = absl::StrCat("inputs[", i, "]");
    RETURN_IF_ERROR(CheckNoParameters(input, field));
    TextTensor tensor = {.name = input.name()};
    const auto& given = input.contents().bytes_contents();
    if (raw) {
      if (input.has_contents()) {
        return FieldError(absl::StrCat(field, ".contents"),
                          "must be unset where there are raw_input_contents");
      }
      absl::StatusOr<std::vector<std::string>> texts = DecodeTexts(request.raw_input_contents(i));
      if (!texts.ok()) {
        return WithField(
            absl::InvalidArgumentError(absl::StrCat(field, ": ", texts.status().message())), field);
      }
      tensor.texts = *std::move(texts);
    } else {
      tensor.texts.assign(given.begin(), given.end());
    }
    RETURN_IF_ERROR(CheckTensor(field, input.datatype(),
                                {input.shape().begin(), input.shape().end()}, tensor.texts.size()));
    infer.inputs.push_back(std::move(tensor));
  }
  for (int i = 0; i < request.outputs_size(); ++i) {
    RETURN_IF_ERROR(CheckNoParameters(request.outputs(i), absl::StrCat("outputs[", i, "]")));
    infer.outputs.push_back(request.outputs(i).name());
  }
  return infer;
}

inference::ModelInferResponse ToProto(const InferReply& reply, bool raw) {
  inference::ModelInferResponse response;
  response.set_model_name(reply.model);
  response.set_model_version(reply.version);
  response.set_id(reply.id);
  for (const OutputTensor& tensor : reply.outputs) {
    auto& output = *response.add_outputs();
    output.set_name(tensor.name);
    output.set_datatype(DatatypeOf(tensor));
    output.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
    if (raw) {
      response.add_raw_output_contents(EncodeValues(tensor.values));
    } else {
      SetContents(tensor.values, *output.mutable_contents());
    }
  }
  return response;
}

}  // namespace chorus::gateway
