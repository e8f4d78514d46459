#include "runner_server/weights/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

DType FindDType(std::string_view name) {
  for (int i = 0; i < static_cast<int>(DType::kOther); ++i) {
    if (DTypeName(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  return DType::kOther;
}

std::string Quoted(std::string_view name) { return absl::StrCat("'", ShownName(name), "'"); }

// Takes the JSON event by event, so that nothing but a well-formed header is ever stored.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  const std::string& error() const { return error_; }
  std::vector<TensorInfo> TakeTensors() { return std::move(tensors_); }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_integer(int64_t value) override {
    return Unexpected(absl::StrCat("the negative number ", value));
  }
  bool number_float(double, const std::string& text) override {
    return Unexpected(absl::StrCat("the number ", Quoted(text)));
  }
  bool binary(nlohmann::json::binary_t&) override { return Unexpected("binary data"); }

  bool number_unsigned(uint64_t value) override {
    if (state_ == State::kShape) {
      if (tensor_.shape.size() >= kMaxDimensions) {
        return Fail(absl::StrCat("tensor ", Quoted(tensor_.name), " has more than ", kMaxDimensions,
                                 " dimensions"));
      }
      tensor_.shape.push_back(value);
      return true;
    }
    if (state_ == State::kOffsets && num_offsets_ < 2) {
      (num_offsets_++ == 0 ? tensor_.begin : tensor_.end) = value;
      return true;
    }
    return Unexpected(absl::StrCat("the number ", value));
  }

  bool string(std::string& value) override {
    if (state_ == State::kMetadata) return true;
    if (state_ != State::kTensor || field_ != "dtype") return Unexpected("a string");
    tensor_.dtype = FindDType(value);
    return true;
  }

  bool start_object(size_t) override {
    if (state_ == State::kStart) return Enter(State::kRoot);
    if (state_ != State::kRoot) return Unexpected("an object");
    fields_seen_.clear();
    return Enter(tensor_.name == "__metadata__" ? State::kMetadata : State::kTensor);
  }

  bool key(std::string& value) override {
    if (state_ == State::kRoot) {
      if (!names_.insert(value).second) return Fail(absl::StrCat(Quoted(value), " occurs twice"));
      tensor_ = TensorInfo{.name = value};
      return true;
    }
    if (!fields_seen_.insert(value).second) {
      return Fail(absl::StrCat(Quoted(value), " occurs twice in ", Quoted(tensor_.name)));
    }
    if (state_ == State::kMetadata) return true;
    if (value != "dtype" && value != "shape" && value != "data_offsets") {
      return Fail(
          absl::StrCat("tensor ", Quoted(tensor_.name), " has an unknown field: ", Quoted(value)));
    }
    field_ = value;
    return true;
  }

  bool end_object() override {
    if (state_ == State::kRoot) return Enter(State::kDone);
    if (state_ == State::kTensor) {
      if (fields_seen_.size() != 3) {
        return Fail(absl::StrCat("tensor ", Quoted(tensor_.name),
                                 " must have dtype, shape and data_offsets"));
      }
      tensors_.push_back(std::move(tensor_));
    }
    return Enter(State::kRoot);
  }

  bool start_array(size_t) override {
    if (state_ != State::kTensor || field_ == "dtype") return Unexpected("an array");
    num_offsets_ = 0;
    return Enter(field_ == "shape" ? State::kShape : State::kOffsets);
  }

  bool end_array() override {
    if (state_ == State::kOffsets && num_offsets_ != 2) {
      return Fail(absl::StrCat("tensor ", Quoted(tensor_.name), " must have two data_offsets"));
    }
    return Enter(State::kTensor);
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail(absl::StrCat("the header is not JSON at byte ", 8 + position));
  }

 private:
  enum class State { kStart, kRoot, kMetadata, kTensor, kShape, kOffsets, kDone };
  static constexpr size_t kMaxDimensions = 16;

  bool Enter(State state) {
    state_ = state;
    return true;
  }
  bool Fail(std::string message) {
    error_ = std::move(message);
    return false;
  }
  bool Unexpected(std::string_view what) {
    return Fail(absl::StrCat("the header has ", AbslView(what), " where none belongs",
                             tensor_.name.empty() ? "" : ", in ",
                             tensor_.name.empty() ? "" : Quoted(tensor_.name)));
  }

  State state_ = State::kStart;
  TensorInfo tensor_;  // The one being read.
  std::string field_;  // The field of it being read.
  int num_offsets_ = 0;
  std::unordered_set<std::string> fields_seen_;  // Of the object being read.
  std::unordered_set<std::string> names_;
  std::vector<TensorInfo> tensors_;
  std::string error_;
};

absl::Status Broken(std::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("not a sound safetensors file: ", AbslView(rule)));
}

// Bytes that shape and type ask for, as if an unknown type took one; nothing if that does not fit
// 64 bits.
std::optional<uint64_t> SizeBytes(const TensorInfo& tensor) {
  uint64_t size = std::max<uint64_t>(DTypeSizeBytes(tensor.dtype), 1);
  for (const uint64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(size, extent, &size)) return std::nullopt;
  }
  return size;
}

absl::Status CheckRanges(const std::vector<TensorInfo>& tensors, uint64_t data_size) {
  uint64_t expected_begin = 0;
  const uint64_t all = tensors.empty() ? 0 : std::ranges::max(tensors, {}, &TensorInfo::end).end;
  if (data_size < all) {
    return Broken(absl::StrCat("it is cut short: its tensors take ", all, " bytes, and ", data_size,
                               " are there; fetch it again"));
  }
  for (const TensorInfo& tensor : tensors) {
    const std::string name = Quoted(tensor.name);
    const std::string range = absl::StrCat("[", tensor.begin, ", ", tensor.end, ")");
    if (tensor.begin > tensor.end) {
      return Broken(
          absl::StrCat("tensor ", name, " lies at ", range, " of ", data_size, " bytes of data"));
    }
    if (tensor.begin != expected_begin) {
      return Broken(absl::StrCat("tensor ", name, " lies at ", range, ", which leaves a ",
                                 tensor.begin > expected_begin ? "gap after" : "overlap before",
                                 " byte ", expected_begin));
    }
    const std::optional<uint64_t> size = SizeBytes(tensor);
    if (!size) return Broken(absl::StrCat("the shape of tensor ", name, " overflows"));
    if (tensor.dtype != DType::kOther && *size != tensor.end - tensor.begin) {
      return Broken(absl::StrCat("tensor ", name, " needs ", *size,
                                 " bytes by shape and dtype, but ", range, " holds ",
                                 tensor.end - tensor.begin));
    }
    expected_begin = tensor.end;
  }
  if (expected_begin != data_size) {
    return Broken(absl::StrCat("the tensors end at byte ", expected_begin, " of ", data_size,
                               " bytes of data"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view bytes) {
  if (bytes.size() < 8) {
    return Broken(absl::StrCat("a file of ", bytes.size(),
                               " bytes has no room for a header: it is cut short; fetch it again"));
  }
  uint64_t header_size = 0;
  for (int i = 7; i >= 0; --i) {
    header_size = header_size << 8 | static_cast<unsigned char>(bytes[i]);
  }
  if (header_size > kMaxSafetensorsHeaderBytes || header_size > bytes.size() - 8) {
    return Broken(absl::StrCat(
        "the header claims ", header_size, " bytes of a file of ", bytes.size(), " (at most ",
        kMaxSafetensorsHeaderBytes, ")",
        header_size <= kMaxSafetensorsHeaderBytes ? ": it is cut short; fetch it again" : ""));
  }
  const std::string_view json = bytes.substr(8, header_size);
  if (json.empty() || json[0] != '{') return Broken("the header does not begin with '{'");

  HeaderHandler handler;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &handler)) {
    return Broken(handler.error());
  }
  SafetensorsHeader header{.tensors = handler.TakeTensors(), .data_start = 8 + header_size};
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  if (absl::Status status = CheckRanges(header.tensors, bytes.size() - header.data_start);
      !status.ok()) {
    return status;
  }
  return header;
}

}  // namespace chorus::runner
