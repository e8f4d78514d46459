#include "base/grpc/request.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/utf8.h"

namespace chorus {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Reads the bytes of a message, for what Protobuf's own parser would not say of them.
class FaultFinder {
 public:
  FaultFinder(const google::protobuf::Descriptor& type, std::string_view bytes)
      : type_(type),
        bytes_(bytes),
        in_(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size())) {}

  std::optional<RequestFault> Find() {
    while (const uint32_t tag = in_.ReadTag()) {
      const FieldDescriptor* field =
          type_.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
      const bool is_text =
          field != nullptr && field->type() == FieldDescriptor::TYPE_STRING &&
          WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
      if (!is_text) {
        if (!WireFormatLite::SkipField(&in_, tag)) return Malformed();
        continue;
      }
      uint32_t size = 0;
      if (!in_.ReadVarint32(&size)) return Malformed();
      const size_t begin = in_.CurrentPosition();
      if (size > bytes_.size() - begin || !in_.Skip(static_cast<int>(size))) return Malformed();
      const int index = counts_[field]++;
      const size_t bad = FindInvalidUtf8(bytes_.substr(begin, size));
      if (bad == std::string_view::npos) continue;
      std::string name(field->name());
      if (field->is_repeated()) absl::StrAppend(&name, "[", index, "]");
      return RequestFault{name, absl::StrCat("must be UTF-8; it is not at byte ", bad)};
    }
    if (!in_.ConsumedEntireMessage()) return Malformed();
    return std::nullopt;
  }

  RequestFault Malformed() const {
    return {"", absl::StrCat("does not parse as ", type_.full_name(), ": its ", bytes_.size(),
                             " bytes are cut short, or wrong before byte ", in_.CurrentPosition())};
  }

 private:
  const google::protobuf::Descriptor& type_;
  const std::string_view bytes_;
  CodedInputStream in_;
  std::map<const FieldDescriptor*, int> counts_;  // Of the strings so far.
};

}  // namespace

absl::Status RequestFault::ToStatus() const {
  if (!field.empty()) return FieldError(field, problem);
  return absl::InvalidArgumentError(absl::StrCat("the request ", problem));
}

std::optional<RequestFault> ParseRequest(grpc::ByteBuffer& bytes,
                                         google::protobuf::Message& message) {
  grpc::Slice slice;
  const bool is_read = bytes.Valid() && bytes.DumpToSingleSlice(&slice).ok();
  bytes.Clear();  // gRPC leaves that to who deserializes.
  if (!is_read) {
    return RequestFault{"", "has no message, or one that cannot be read"};
  }
  const std::string_view text(reinterpret_cast<const char*>(slice.begin()), slice.size());
  FaultFinder finder(*message.GetDescriptor(), text);
  if (auto fault = finder.Find()) return fault;
  if (!message.ParseFromArray(text.data(), static_cast<int>(text.size()))) {
    return finder.Malformed();
  }
  return std::nullopt;
}

}  // namespace chorus
