#pragma once

// Requests and replies of the Open Inference Protocol over HTTP: JSON, after which the contents of
// tensors may follow raw ("binary tensor data"); the header field Inference-Header-Content-Length
// then says how long the JSON is.
//
// Thread safety: free functions without state.
// Source: Open Inference Protocol, version 2, HTTP/REST; Triton's "Binary Tensor Data Extension".

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "api_server/front/http_message.h"
#include "api_server/protocols/open_inference/tensors.h"
#include "proto/inference/open_inference.pb.h"

namespace chorus::gateway {

inline constexpr char kJsonLengthField[] = "Inference-Header-Content-Length";

// How the outputs of a reply are to be written.
struct RawOutputs {
  bool all = false;                   // `binary_data_output`
  std::map<std::string, bool> named;  // `binary_data` of those that were asked for.

  bool Has(const std::string& output) const {
    const auto found = named.find(output);
    return found == named.end() ? all : found->second;
  }
};

struct InferBody {
  InferRequest infer;  // Without model and version, which the path names.
  RawOutputs raw;
};

// `json_length` is the field's value, or null: all of the body is JSON. INVALID_ARGUMENT names the
// member that is wrong.
absl::StatusOr<InferBody> ParseInferBody(std::string_view body, const std::string* json_length);

HttpReply ToHttpReply(const InferReply& reply, const RawOutputs& raw);

// {"text_input": "…", "parameters": {…}, "id": "…"}: the input tensor "text_input" with one text.
absl::StatusOr<InferRequest> ParseGenerateBody(std::string_view body);

// Each output is a member, a list unless it has one value.
std::string GenerateReplyJson(const InferReply& reply);

std::string MetadataJson(const inference::ServerMetadataResponse& metadata);
std::string MetadataJson(const inference::ModelMetadataResponse& metadata);

// {"error": "…"}
std::string OpenInferenceErrorJson(const absl::Status& error);

}  // namespace chorus::gateway
