#include "api_server/transcoding/well_known_types.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/field_mask_util.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api_server/transcoding/json_writer.h"
#include "api_server/transcoding/quote.h"
#include "api_server/transcoding/scalar_value.h"
#include "api_server/transcoding/struct_json.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::Timestamp;
using google::protobuf::util::FieldMaskUtil;
using google::protobuf::util::TimeUtil;

namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// The number of decimal digits that `text` begins with.
size_t CountDigits(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// [-] 1*DIGIT [ "." 1*9DIGIT ] "s". protobuf's own parser lets more pass.
bool ParseDuration(std::string_view text, Duration& duration) {
  std::string_view rest = text.substr(text.starts_with('-') ? 1 : 0);
  const size_t num_digits = CountDigits(rest);
  rest.remove_prefix(num_digits);
  if (num_digits == 0) return false;
  if (rest.starts_with('.')) {
    const size_t num_decimals = CountDigits(rest.substr(1));
    if (num_decimals == 0 || num_decimals > 9) return false;
    rest.remove_prefix(1 + num_decimals);
  }
  return rest == "s" && TimeUtil::FromString(std::string(text), &duration) &&
         duration.seconds() >= TimeUtil::kDurationMinSeconds &&
         duration.seconds() <= TimeUtil::kDurationMaxSeconds;
}

// RFC 3339. protobuf's own parser lets shorter numbers pass.
bool ParseTimestamp(std::string_view text, Timestamp& time) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() <= kShape.size()) return false;
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !is_digit : text[i] != kShape[i]) return false;
  }
  return TimeUtil::FromString(std::string(text), &time);
}

bool IsValid(const Duration& duration) {
  const int64_t seconds = duration.seconds();
  const int64_t nanos = duration.nanos();
  return seconds >= TimeUtil::kDurationMinSeconds && seconds <= TimeUtil::kDurationMaxSeconds &&
         nanos > -kNanosPerSecond && nanos < kNanosPerSecond && !(seconds < 0 && nanos > 0) &&
         !(seconds > 0 && nanos < 0);
}

bool IsValid(const Timestamp& time) {
  return time.seconds() >= TimeUtil::kTimestampMinSeconds &&
         time.seconds() <= TimeUtil::kTimestampMaxSeconds && time.nanos() >= 0 &&
         time.nanos() < kNanosPerSecond;
}

// Names of letters and digits, dots and commas between; protobuf's own parser lets any bytes pass.
bool ParseFieldMask(std::string_view text, FieldMask& mask) {
  const auto is_allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == ',';
  };
  return std::all_of(text.begin(), text.end(), is_allowed) &&
         FieldMaskUtil::FromJsonString(std::string(text), &mask);
}

// Between a generated class and `message`, which may be of a dynamic one.
absl::Status Copy(const Message& from, Message& to) {
  if (to.ParseFromString(from.SerializeAsString())) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("a ", from.GetTypeName(), " does not parse"));
}

template <typename Typed>
absl::StatusOr<Typed> FromMessage(const Message& message) {
  Typed typed;
  RETURN_IF_ERROR(Copy(message, typed));
  return typed;
}

absl::Status MustBe(std::string_view what, std::string_view shown) {
  return absl::InvalidArgumentError(
      absl::StrCat("must be ", AbslView(what), ": ", AbslView(shown)));
}

// Sets `message` if `parsed`; what was refused otherwise.
absl::Status Store(bool parsed, const Message& typed, std::string_view what, std::string_view text,
                   Message& message) {
  if (!parsed) return MustBe(what, QuoteForMessage(text));
  return Copy(typed, message);
}

absl::Status ParseAny(const JsonValue& json, Message& message) {
  if (json.kind() != JsonValue::Kind::kObject) return MustBe("an object", DescribeJson(json));
  const std::string text(json.raw());
  if (google::protobuf::util::JsonStringToMessage(text, &message).ok()) return absl::OkStatus();
  return MustBe("an object whose \"@type\" names a message and whose other members are its fields",
                "it is not");
}

absl::Status AppendAny(const Message& message, std::string& json) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) {
    return absl::InternalError("a google.protobuf.Any holds a message of an unknown type");
  }
  json += text;
  return absl::OkStatus();
}

}  // namespace

std::optional<WellKnownType> GetWellKnownType(const Descriptor& message) {
  static const auto& kTypes = *new absl::flat_hash_map<std::string, WellKnownType>{
      {"google.protobuf.BoolValue", WellKnownType::kWrapper},
      {"google.protobuf.BytesValue", WellKnownType::kWrapper},
      {"google.protobuf.DoubleValue", WellKnownType::kWrapper},
      {"google.protobuf.FloatValue", WellKnownType::kWrapper},
      {"google.protobuf.Int32Value", WellKnownType::kWrapper},
      {"google.protobuf.Int64Value", WellKnownType::kWrapper},
      {"google.protobuf.StringValue", WellKnownType::kWrapper},
      {"google.protobuf.UInt32Value", WellKnownType::kWrapper},
      {"google.protobuf.UInt64Value", WellKnownType::kWrapper},
      {"google.protobuf.Duration", WellKnownType::kDuration},
      {"google.protobuf.Timestamp", WellKnownType::kTimestamp},
      {"google.protobuf.FieldMask", WellKnownType::kFieldMask},
      {"google.protobuf.Struct", WellKnownType::kStruct},
      {"google.protobuf.ListValue", WellKnownType::kListValue},
      {"google.protobuf.Value", WellKnownType::kValue},
      {"google.protobuf.Any", WellKnownType::kAny},
  };
  const auto it = kTypes.find(message.full_name());
  if (it == kTypes.end()) return std::nullopt;
  return it->second;
}

bool IsTextual(WellKnownType type) {
  return type == WellKnownType::kWrapper || type == WellKnownType::kDuration ||
         type == WellKnownType::kTimestamp || type == WellKnownType::kFieldMask;
}

absl::Status ParseWellKnownText(WellKnownType type, std::string_view text, Message& message) {
  if (type == WellKnownType::kWrapper) {
    const auto& field = *message.GetDescriptor()->field(0);
    ASSIGN_OR_RETURN(ScalarValue value, ParseScalarText(field, text));
    StoreScalar(field, std::move(value), message);
    return absl::OkStatus();
  }
  if (type == WellKnownType::kDuration) {
    Duration duration;
    return Store(ParseDuration(text, duration), duration,
                 "a duration of at most 315576000000 seconds, such as \"1.5s\"", text, message);
  }
  if (type == WellKnownType::kTimestamp) {
    Timestamp time;
    return Store(ParseTimestamp(text, time), time, "a time such as \"2026-01-31T12:00:00Z\"", text,
                 message);
  }
  FieldMask mask;
  return Store(ParseFieldMask(text, mask), mask,
               "a list of field paths such as \"maxLength,sub.topK\"", text, message);
}

absl::Status ParseWellKnownJson(WellKnownType type, const JsonValue& json, Message& message) {
  switch (type) {
    case WellKnownType::kWrapper: {
      const auto& field = *message.GetDescriptor()->field(0);
      ASSIGN_OR_RETURN(ScalarValue value, ParseScalarJson(field, json));
      StoreScalar(field, std::move(value), message);
      return absl::OkStatus();
    }
    case WellKnownType::kStruct:
    case WellKnownType::kListValue:
    case WellKnownType::kValue:
      return ParseStructJson(json, message);
    case WellKnownType::kAny:
      return ParseAny(json, message);
    default:
      if (json.kind() != JsonValue::Kind::kString) return MustBe("a string", DescribeJson(json));
      return ParseWellKnownText(type, json.string(), message);
  }
}

absl::Status AppendWellKnownJson(WellKnownType type, const Message& message, std::string& json) {
  switch (type) {
    case WellKnownType::kWrapper:
      AppendScalarJson(*message.GetDescriptor()->field(0), message, /*index=*/-1, json);
      return absl::OkStatus();
    case WellKnownType::kDuration: {
      ASSIGN_OR_RETURN(const Duration duration, FromMessage<Duration>(message));
      if (!IsValid(duration)) return absl::InternalError("a duration is out of range");
      json += absl::StrCat("\"", TimeUtil::ToString(duration), "\"");
      return absl::OkStatus();
    }
    case WellKnownType::kTimestamp: {
      ASSIGN_OR_RETURN(const Timestamp time, FromMessage<Timestamp>(message));
      if (!IsValid(time)) return absl::InternalError("a time is out of range");
      json += absl::StrCat("\"", TimeUtil::ToString(time), "\"");
      return absl::OkStatus();
    }
    case WellKnownType::kFieldMask: {
      ASSIGN_OR_RETURN(const FieldMask mask, FromMessage<FieldMask>(message));
      std::string text;
      if (!FieldMaskUtil::ToJsonString(mask, &text)) {
        return absl::InternalError("a field mask's path has no camel case");
      }
      AppendJsonString(text, json);
      return absl::OkStatus();
    }
    case WellKnownType::kAny:
      return AppendAny(message, json);
    default:
      return AppendStructJson(message, json);
  }
}

}  // namespace chorus
