#pragma once

// Reads the members of a JSON object that a request brings. A member is asked for by its name; null
// counts as absent. The first mistake is kept, and every getter then returns nothing, so that a
// reader may ask for all and look once, at Done().
//
// Thread safety: none.

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::gateway {

class JsonFields {
 public:
  // Of a body: strict RFC 8259, no name twice, at most 100 levels. INVALID_ARGUMENT if it is not an
  // object.
  static absl::StatusOr<JsonFields> Parse(std::string_view body);

  // `object` is one; errors name its members with `prefix` before them, "stream_options.".
  explicit JsonFields(nlohmann::json object, std::string prefix = "")
      : object_(std::move(object)), prefix_(std::move(prefix)) {}

  std::optional<std::string> String(std::string_view name);
  std::optional<bool> Bool(std::string_view name);
  std::optional<double> Number(std::string_view name);
  std::optional<int64_t> Integer(std::string_view name, int64_t least, int64_t most);
  // A string, or an array of strings.
  std::vector<std::string> Strings(std::string_view name);
  // An object.
  std::optional<JsonFields> Object(std::string_view name);
  // Anything; null if absent.
  const nlohmann::json* Any(std::string_view name);

  // Members that are taken and change nothing.
  void Ignore(std::initializer_list<std::string_view> names);

  // Notes the mistake "<name> <problem>".
  void Refuse(std::string_view name, std::string_view problem);
  void Note(absl::Status error) {
    if (error_.ok()) error_ = std::move(error);
  }

  // The first mistake, INVALID_ARGUMENT with the name of the member. A member that was not asked
  // for is one.
  absl::Status Done();

  const nlohmann::json& object() const { return object_; }

 private:
  nlohmann::json object_;
  std::string prefix_;
  absl::flat_hash_set<std::string> asked_for_;
  absl::Status error_;
};

}  // namespace chorus::gateway
