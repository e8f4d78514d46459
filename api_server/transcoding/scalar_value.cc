#include "api_server/transcoding/scalar_value.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "api_server/transcoding/json_writer.h"
#include "base/quote.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus::gateway {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

// A number as it was written, and how to show it when it is refused.
struct NumberText {
  std::string_view text;
  std::string shown;
  bool may_have_exponent;  // An integer may be written 1e3 or 1.0.
};

absl::Status MustBe(std::string_view what, std::string_view shown) {
  return absl::InvalidArgumentError(
      absl::StrCat("must be ", AbslView(what), ": ", AbslView(shown)));
}

// Decimal digits, no leading zeros, no plus.
template <typename Int>
std::optional<Int> ParseDecimal(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.starts_with('0') && text != "0") return std::nullopt;
  Int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A double cannot tell larger integers apart, so they must be written in digits.
template <typename Int>
std::optional<Int> ParseWithExponent(std::string_view text) {
  constexpr double kLargest = 9007199254740992.0;  // 2^53
  double number = 0;
  absl::from_chars(text.data(), text.data() + text.size(), number);  // The largest, if too large.
  if (std::trunc(number) != number || std::abs(number) > kLargest) return std::nullopt;
  const auto integer = static_cast<int64_t>(number);
  if (!std::in_range<Int>(integer)) return std::nullopt;
  return static_cast<Int>(integer);
}

template <typename Int>
absl::StatusOr<ScalarValue> ParseInteger(const NumberText& number, bool has_default = true) {
  std::optional<Int> value = ParseDecimal<Int>(number.text);
  if (!value.has_value() && number.may_have_exponent) value = ParseWithExponent<Int>(number.text);
  if (value.has_value()) return ScalarValue(*value);
  // Elsewhere -1 often stands for "none" or "all".
  const bool asks_default = has_default && std::is_unsigned_v<Int> && number.text == "-1";
  return MustBe(absl::StrCat("an integer from ", std::numeric_limits<Int>::min(), " to ",
                             std::numeric_limits<Int>::max()),
                asks_default ? number.shown + "; leave it out for the default" : number.shown);
}

bool BeginsWithDigit(std::string_view text) {
  return !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text.front()));
}

// False for what from_chars() takes beside JSON's numbers: "nan", "0x1", "01", ".5", "5.".
bool LooksLikeJsonNumber(std::string_view text) {
  if (text.find_first_not_of("-+.0123456789eE") != std::string_view::npos) return false;
  text.remove_prefix(text.starts_with('-') ? 1 : 0);
  if (!BeginsWithDigit(text)) return false;
  if (text.front() == '0' && BeginsWithDigit(text.substr(1))) return false;
  const size_t point = text.find('.');
  return point == std::string_view::npos || BeginsWithDigit(text.substr(point + 1));
}

template <typename Float>
absl::StatusOr<ScalarValue> ParseFloat(const NumberText& number) {
  const std::string_view text = number.text;
  Float value = 0;
  const auto result = absl::from_chars(text.data(), text.data() + text.size(), value);
  if (!LooksLikeJsonNumber(text) || result.ptr != text.data() + text.size()) {
    return MustBe("a number", number.shown);
  }
  // Out of range is also what is too small, which becomes 0 or the smallest number.
  const bool too_large = result.ec == std::errc::result_out_of_range && std::abs(value) > 1;
  if (!too_large) return ScalarValue(value);
  return MustBe(absl::StrCat("a number from ", std::numeric_limits<Float>::lowest(), " to ",
                             std::numeric_limits<Float>::max()),
                number.shown);
}

std::string EnumNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) names.emplace_back(type.value(i)->name());
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<ScalarValue> ParseEnumNumber(const EnumDescriptor& type, const NumberText& number) {
  const auto value = ParseInteger<int32_t>(number);
  if (value.ok()) {
    const int enum_number = std::get<int32_t>(*value);
    if (type.FindValueByNumber(enum_number) != nullptr) return EnumNumber{enum_number};
  }
  return MustBe(absl::StrCat("one of ", EnumNames(type)), number.shown);
}

absl::StatusOr<ScalarValue> ParseEnumName(const EnumDescriptor& type, std::string_view name) {
  if (const EnumValueDescriptor* value = type.FindValueByName(std::string(name))) {
    return EnumNumber{value->number()};
  }
  return ParseEnumNumber(type, {name, QuoteForMessage(name), /*may_have_exponent=*/false});
}

absl::StatusOr<ScalarValue> ParseBase64(std::string_view text) {
  // Abseil skips spaces; they are refused here.
  const std::string standard = absl::StrReplaceAll(AbslView(text), {{"-", "+"},
                                                                    {"_", "/"},
                                                                    {" ", "!"},
                                                                    {"\t", "!"},
                                                                    {"\n", "!"},
                                                                    {"\r", "!"},
                                                                    {"\v", "!"},
                                                                    {"\f", "!"}});
  std::string bytes;
  if (!absl::Base64Unescape(standard, &bytes)) return MustBe("base64", QuoteForMessage(text));
  return bytes;
}

absl::StatusOr<ScalarValue> ParseNumber(const FieldDescriptor& field, const NumberText& number) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return ParseInteger<int32_t>(number);
    case FieldDescriptor::CPPTYPE_INT64:
      return ParseInteger<int64_t>(number);
    case FieldDescriptor::CPPTYPE_UINT32:
      return ParseInteger<uint32_t>(number, !field.is_repeated());
    case FieldDescriptor::CPPTYPE_UINT64:
      return ParseInteger<uint64_t>(number, !field.is_repeated());
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ParseFloat<float>(number);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ParseFloat<double>(number);
    case FieldDescriptor::CPPTYPE_ENUM:
      return ParseEnumNumber(*field.enum_type(), number);
    case FieldDescriptor::CPPTYPE_BOOL:
      return MustBe("true or false", number.shown);
    default:
      return MustBe("a string", number.shown);
  }
}

// A field whose JSON is a string.
bool IsText(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

// By name; a number that has none as a number.
void AppendEnum(const EnumDescriptor& type, int number, std::string& json) {
  if (const EnumValueDescriptor* value = type.FindValueByNumber(number)) {
    AppendJsonString(value->name(), json);
  } else {
    absl::StrAppend(&json, number);
  }
}

}  // namespace

absl::StatusOr<ScalarValue> ParseScalarText(const FieldDescriptor& field, std::string_view text) {
  if (const size_t offset = FindInvalidUtf8(text); offset != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("must be UTF-8: byte ", offset, " is not"));
  }
  if (field.type() == FieldDescriptor::TYPE_BYTES) return ParseBase64(text);
  if (IsText(field)) return std::string(text);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return ParseEnumName(*field.enum_type(), text);
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL && (text == "true" || text == "false")) {
    return text == "true";
  }
  return ParseNumber(field, {text, QuoteForMessage(text), /*may_have_exponent=*/false});
}

absl::StatusOr<ScalarValue> ParseScalarNumber(const FieldDescriptor& field,
                                              std::string_view literal) {
  return ParseNumber(field, {literal, std::string(literal.substr(0, 64)),
                             /*may_have_exponent=*/true});
}

absl::Status WrongKind(const FieldDescriptor& field, std::string_view shown) {
  return ParseNumber(field, {"", std::string(shown), /*may_have_exponent=*/false}).status();
}

void StoreScalar(const FieldDescriptor& field, ScalarValue value, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const bool add = field.is_repeated();
  std::visit(
      [&](auto&& v) {
        using T = std::decay_t<decltype(v)>;
        const auto store = [&](auto set_one, auto add_one) {
          (reflection.*(add ? add_one : set_one))(&message, &field, v);
        };
        if constexpr (std::is_same_v<T, int32_t>) {
          store(&Reflection::SetInt32, &Reflection::AddInt32);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          store(&Reflection::SetInt64, &Reflection::AddInt64);
        } else if constexpr (std::is_same_v<T, uint32_t>) {
          store(&Reflection::SetUInt32, &Reflection::AddUInt32);
        } else if constexpr (std::is_same_v<T, uint64_t>) {
          store(&Reflection::SetUInt64, &Reflection::AddUInt64);
        } else if constexpr (std::is_same_v<T, float>) {
          store(&Reflection::SetFloat, &Reflection::AddFloat);
        } else if constexpr (std::is_same_v<T, double>) {
          store(&Reflection::SetDouble, &Reflection::AddDouble);
        } else if constexpr (std::is_same_v<T, bool>) {
          store(&Reflection::SetBool, &Reflection::AddBool);
        } else if constexpr (std::is_same_v<T, EnumNumber>) {
          add ? reflection.AddEnumValue(&message, &field, v.value)
              : reflection.SetEnumValue(&message, &field, v.value);
        } else {
          add ? reflection.AddString(&message, &field, std::move(v))
              : reflection.SetString(&message, &field, std::move(v));
        }
      },
      std::move(value));
}

void AppendScalarJson(const FieldDescriptor& field, const Message& message, int index,
                      std::string& json) {
  const Reflection& reflection = *message.GetReflection();
  const auto get = [&](auto get_one, auto get_element) {
    return index < 0 ? (reflection.*get_one)(message, &field)
                     : (reflection.*get_element)(message, &field, index);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      absl::StrAppend(&json, get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      absl::StrAppend(&json, get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      absl::StrAppend(&json, "\"", get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64), "\"");
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      absl::StrAppend(&json, "\"", get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64),
                      "\"");
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      AppendJsonNumber(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat), json);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      AppendJsonNumber(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble), json);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      json += get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      AppendEnum(*field.enum_type(),
                 get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue), json);
      break;
    default: {
      const std::string text = get(&Reflection::GetString, &Reflection::GetRepeatedString);
      const bool is_bytes = field.type() == FieldDescriptor::TYPE_BYTES;
      AppendJsonString(is_bytes ? absl::Base64Escape(text) : text, json);
    }
  }
}

}  // namespace chorus::gateway
