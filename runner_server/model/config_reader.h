#pragma once

// Reads fields of a Hugging Face config.json with Hugging Face's defaults, and refuses by name what
// is not implemented. "rope_scaling.factor" is field factor of the object rope_scaling.
//
// The first error is kept in status(), and later getters return their default: read every field,
// then check once.
// Thread safety: none.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "runner_server/kernels/activation.h"

namespace chorus::runner {

class ConfigReader {
 public:
  // `config` must be an object and outlive the reader.
  explicit ConfigReader(const nlohmann::json& config) : config_(config) {}

  // INVALID_ARGUMENT with the field and its value, or OK.
  const absl::Status& status() const { return status_; }

  const nlohmann::json* Find(const char* field) const;  // Null if missing or null.
  bool Has(const char* field) const { return Find(field) != nullptr; }
  bool IsNull(const char* field) const;  // The field is there, and null.
  // The one of a field's two names that counts: as in Hugging Face the alias, if it is there.
  const char* Given(const char* alias, const char* field) const;

  // Missing and null both mean the default.
  int Integer(const char* field, int fallback, int min, int max);
  float Float(const char* field, float fallback, float min, float max);
  double Double(const char* field, double fallback, double min, double max);
  bool Bool(const char* field, bool fallback);
  std::string String(const char* field, std::string_view fallback);
  std::vector<std::string> Strings(const char* field);  // A list of strings; empty if missing.
  std::vector<float> Floats(const char* field);         // A list of numbers; empty if missing.
  // A token's id, or -1 for null and, as in Hugging Face, which never meets it, for one that is not
  // below vocab_size. Missing means the default.
  int TokenId(const char* field, int fallback, int vocab_size);
  // An id, or a list of ids: those below vocab_size, none for null.
  std::vector<int32_t> TokenIds(const char* field, const std::vector<int32_t>& fallback,
                                int vocab_size);
  // "id2label": {"0": "NEGATIVE", ...}, every index from 0 once. If missing, "LABEL_0" and so on,
  // "num_labels" of them (default 2).
  std::vector<std::string> Labels();
  Activation ActivationFunction(const char* field, std::string_view fallback);
  // Refuses a value other than `only`.
  void RequireBool(const char* field, bool only);
  void RequireString(const char* field, std::string_view only);
  // Refuses a `value` of `field` that is no multiple of `divisor`, the value of field `of`.
  void RequireMultiple(const char* field, int value, const char* of, int divisor);
  // `what` names the field and the rule.
  void Refuse(std::string_view what, std::string_view value);

 private:
  const nlohmann::json& config_;
  absl::Status status_;
};

}  // namespace chorus::runner
