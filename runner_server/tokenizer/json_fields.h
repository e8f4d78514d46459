#pragma once

// Reads the fields of a JSON object with tokenizer settings, and refuses by name what is not
// implemented.
//
// Thread safety: none.

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::runner {

class JsonFields {
 public:
  // `object` must outlive this. All errors are INVALID_ARGUMENT and begin with `what`, such as
  // "tokenizer.json: model". A value that is not an object has no fields.
  JsonFields(const nlohmann::json& object, std::string what) : object_(object), what_(what) {}

  // nullopt if absent or null.
  absl::StatusOr<std::optional<bool>> Bool(std::string_view key) const;
  absl::StatusOr<std::optional<std::string>> String(std::string_view key) const;
  absl::StatusOr<std::optional<int32_t>> Id(std::string_view key) const;

  const std::string& what() const { return what_; }

  // The value, or null if absent.
  const nlohmann::json& Value(std::string_view key) const;

  // Refuses fields other than these.
  absl::Status AllowOnly(std::initializer_list<std::string_view> keys) const;

  // Refuses fields that are present with a value other than null, false, 0 and "".
  absl::Status RequireUnset(std::initializer_list<std::string_view> keys) const;

  absl::Status Error(std::string_view message) const;
  // "key = value is not implemented".
  absl::Status Unimplemented(std::string_view key) const;

 private:
  const nlohmann::json& object_;
  const std::string what_;
};

}  // namespace chorus::runner
