#pragma once

// Requests and replies of the Open Inference Protocol, however they are encoded: tensors of texts
// go in, tensors of texts and numbers come out.
//
// Thread safety: plain values, and free functions without state.
// Source: Open Inference Protocol, version 2; of raw contents the "binary tensor data" extension.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::gateway {

// Tensors of datatype BYTES.
struct TextTensor {
  std::string name;
  std::vector<std::string> texts;  // Row by row.
};

struct OutputTensor {
  using Values = std::variant<std::vector<std::string>, std::vector<float>, std::vector<double>>;
  std::string name;
  std::vector<int64_t> shape;
  Values values;  // Row by row; as many as `shape` makes.
};

struct InferRequest {
  std::string model;
  std::string version;                                   // Empty: any.
  std::string id;                                        // Comes back.
  nlohmann::json parameters = nlohmann::json::object();  // By name.
  std::vector<TextTensor> inputs;
  std::vector<std::string> outputs;  // Those asked for; none: all.
};

struct InferReply {
  std::string model;
  std::string version;  // May be empty.
  std::string id;
  std::vector<OutputTensor> outputs;
};

// The input that every model has.
inline constexpr char kTextInput[] = "text_input";

// The texts of the input of that name; null if it is not there.
const std::vector<std::string>* FindInput(const InferRequest& request, std::string_view name);

// INVALID_ARGUMENT if there is an input of another name than these, one twice, or no kTextInput.
absl::Status CheckInputs(const InferRequest& request, const std::vector<std::string>& names);

// "BYTES", "FP32" or "FP64".
const char* DatatypeOf(const OutputTensor& tensor);

// INVALID_ARGUMENT if a tensor of texts cannot be of this datatype, or not have that many values.
// `field` is its place in the request, such as "inputs[1]".
absl::Status CheckTensor(std::string_view field, std::string_view datatype,
                         const std::vector<int64_t>& shape, size_t num_values);

// Raw contents: of a text 4 bytes, its length, and its bytes; all numbers with the lowest byte
// first.
absl::StatusOr<std::vector<std::string>> DecodeTexts(std::string_view bytes);
std::string EncodeValues(const OutputTensor::Values& values);

}  // namespace chorus::gateway
