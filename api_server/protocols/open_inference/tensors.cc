#include "api_server/protocols/open_inference/tensors.h"

#include <algorithm>
#include <bit>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/error_details.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr size_t kLengthBytes = 4;

template <typename Bits>
void AppendLittleEndian(Bits bits, std::string& bytes) {
  for (size_t i = 0; i < sizeof(Bits); ++i) bytes += static_cast<char>(bits >> (8 * i) & 0xFF);
}

uint32_t ReadLength(std::string_view bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return length;
}

}  // namespace

const std::vector<std::string>* FindInput(const InferRequest& request, std::string_view name) {
  const auto found = std::ranges::find(request.inputs, name, &TextTensor::name);
  return found == request.inputs.end() ? nullptr : &found->texts;
}

absl::Status CheckInputs(const InferRequest& request, const std::vector<std::string>& names) {
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const TextTensor& input = request.inputs[i];
    const std::string field = absl::StrCat("inputs[", i, "].name");
    if (std::ranges::find(names, input.name) == names.end()) {
      return FieldError(field, absl::StrCat("is no input of ", request.model, ", which has ",
                                            absl::StrJoin(names, " and ")));
    }
    if (FindInput(request, input.name) != &input.texts) return FieldError(field, "is there twice");
  }
  if (FindInput(request, kTextInput) != nullptr) return absl::OkStatus();
  return FieldError("inputs", absl::StrCat("must have the tensor ", kTextInput));
}

const char* DatatypeOf(const OutputTensor& tensor) {
  if (std::holds_alternative<std::vector<float>>(tensor.values)) return "FP32";
  return std::holds_alternative<std::vector<double>>(tensor.values) ? "FP64" : "BYTES";
}

absl::Status CheckTensor(std::string_view field, std::string_view datatype,
                         const std::vector<int64_t>& shape, size_t num_values) {
  if (datatype != "BYTES") {
    return FieldError(absl::StrCat(AbslView(field), ".datatype"),
                      "must be BYTES: inputs are texts");
  }
  // No product of them grows beyond what is there.
  uint64_t product = 1;
  bool fits = !shape.empty();
  for (const int64_t size : shape) {
    fits = fits && size >= 0 && static_cast<uint64_t>(size) <= num_values;
    if (!fits) break;
    product *= static_cast<uint64_t>(size);
    fits = product <= num_values;
  }
  if (fits && product == num_values) return absl::OkStatus();
  return FieldError(absl::StrCat(AbslView(field), ".shape"),
                    absl::StrCat("must make as many values as there are, ", num_values, ": [",
                                 absl::StrJoin(shape, ","), "]"));
}

absl::StatusOr<std::vector<std::string>> DecodeTexts(std::string_view bytes) {
  std::vector<std::string> texts;
  while (!bytes.empty()) {
    if (bytes.size() < kLengthBytes) {
      return absl::InvalidArgumentError("raw contents end within the length of a text");
    }
    const uint32_t length = ReadLength(bytes);
    bytes.remove_prefix(kLengthBytes);
    if (length > bytes.size()) {
      return absl::InvalidArgumentError(absl::StrCat("raw contents end within a text of ", length,
                                                     " bytes, of which there are ", bytes.size()));
    }
    texts.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return texts;
}

std::string EncodeValues(const OutputTensor::Values& values) {
  std::string bytes;
  std::visit(
      [&](const auto& all) {
        for (const auto& value : all) {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, float>) {
            AppendLittleEndian(std::bit_cast<uint32_t>(value), bytes);
          } else if constexpr (std::is_same_v<Value, double>) {
            AppendLittleEndian(std::bit_cast<uint64_t>(value), bytes);
          } else {
            AppendLittleEndian(static_cast<uint32_t>(value.size()), bytes);
            bytes += value;
          }
        }
      },
      values);
  return bytes;
}

}  // namespace chorus::gateway
