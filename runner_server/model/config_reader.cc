#include "runner_server/model/config_reader.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/model_file.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

constexpr int kMaxLabels = 1 << 20;

}  // namespace

const nlohmann::json* ConfigReader::Find(const char* field) const {
  const nlohmann::json* value = &config_;
  for (const absl::string_view part : absl::StrSplit(field, '.')) {
    if (!value->is_object()) return nullptr;
    const auto found = value->find(std::string(part));
    if (found == value->end() || found->is_null()) return nullptr;
    value = &*found;
  }
  return value;
}

const char* ConfigReader::Given(const char* alias, const char* field) const {
  return Has(alias) ? alias : field;
}

bool ConfigReader::IsNull(const char* field) const {
  const auto found = config_.find(field);
  return found != config_.end() && found->is_null();
}

void ConfigReader::Refuse(std::string_view what, std::string_view value) {
  if (!status_.ok()) return;
  constexpr size_t kMaxBytes = 200;
  status_ = absl::InvalidArgumentError(
      absl::StrCat(AbslView(what), ": ", AbslView(value.substr(0, kMaxBytes))));
}

int ConfigReader::Integer(const char* field, int fallback, int min, int max) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return fallback;
  // A number past 64 bits is a float to the parser.
  if (!value->is_number_integer() || *value < min || *value > max) {
    Refuse(absl::StrCat(field, " must be an integer from ", min, " to ", max), ShownJson(*value));
    return fallback;
  }
  return value->get<int>();
}

float ConfigReader::Float(const char* field, float fallback, float min, float max) {
  return static_cast<float>(Double(field, fallback, min, max));
}

double ConfigReader::Double(const char* field, double fallback, double min, double max) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return fallback;
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number >= min && number <= max)) {
    Refuse(absl::StrCat(field, " must be a number from ", min, " to ", max), ShownJson(*value));
    return fallback;
  }
  return number;
}

bool ConfigReader::Bool(const char* field, bool fallback) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    Refuse(absl::StrCat(field, " must be true or false"), ShownJson(*value));
    return fallback;
  }
  return value->get<bool>();
}

std::string ConfigReader::String(const char* field, std::string_view fallback) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) {
    Refuse(absl::StrCat(field, " must be a string"), ShownJson(*value));
    return std::string(fallback);
  }
  return value->get<std::string>();
}

std::vector<std::string> ConfigReader::Strings(const char* field) {
  std::vector<std::string> strings;
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return strings;
  for (const nlohmann::json& element : *value) {
    if (!value->is_array() || !element.is_string()) {
      Refuse(absl::StrCat(field, " must be a list of strings"), ShownJson(*value));
      return {};
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

std::vector<float> ConfigReader::Floats(const char* field) {
  std::vector<float> numbers;
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return numbers;
  for (const nlohmann::json& element : *value) {
    if (!value->is_array() || !element.is_number()) {
      Refuse(absl::StrCat(field, " must be a list of numbers"), ShownJson(*value));
      return {};
    }
    numbers.push_back(element.get<float>());
  }
  return numbers;
}

int ConfigReader::TokenId(const char* field, int fallback, int vocab_size) {
  const std::vector<int32_t> ids = TokenIds(field, {fallback}, vocab_size);
  return ids.size() == 1 ? ids[0] : -1;
}

std::vector<int32_t> ConfigReader::TokenIds(const char* field, const std::vector<int32_t>& fallback,
                                            int vocab_size) {
  std::vector<int32_t> ids;
  if (!config_.contains(field)) {
    std::copy_if(fallback.begin(), fallback.end(), std::back_inserter(ids),
                 [&](int32_t id) { return id >= 0 && id < vocab_size; });
    return ids;
  }
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return ids;
  const nlohmann::json list = value->is_array() ? *value : nlohmann::json::array({*value});
  for (const nlohmann::json& id : list) {
    // Python takes 5.0 for 5.
    const bool is_whole =
        id.is_number_integer() ||
        (id.is_number_float() && std::floor(id.get<double>()) == id.get<double>());
    if (!is_whole) {
      Refuse(absl::StrCat(field, " must be an integer or a list of integers"), ShownJson(*value));
      return {};
    }
    if (id >= 0 && id < vocab_size) ids.push_back(id.get<int32_t>());
  }
  return ids;
}

std::vector<std::string> ConfigReader::Labels() {
  std::vector<std::string> labels;
  const nlohmann::json* by_id = Find("id2label");
  if (by_id == nullptr) {
    const int num_labels = Integer("num_labels", 2, 1, kMaxLabels);
    for (int i = 0; i < num_labels; ++i) labels.push_back(absl::StrCat("LABEL_", i));
    return labels;
  }
  const size_t num_labels = by_id->is_object() ? by_id->size() : 0;
  for (size_t i = 0; i < num_labels && num_labels <= kMaxLabels; ++i) {
    const auto label = by_id->find(std::to_string(i));
    if (label == by_id->end() || !label->is_string()) break;
    labels.push_back(label->get<std::string>());
  }
  if (labels.empty() || labels.size() != num_labels) {
    Refuse("id2label must give every index from \"0\" up a string", ShownJson(*by_id));
  }
  return labels;
}

Activation ConfigReader::ActivationFunction(const char* field, std::string_view fallback) {
  const std::string name = String(field, fallback);
  std::vector<absl::string_view> known;
  for (const ActivationName& row : kActivationNames) {
    if (name == row.name) return row.activation;
    known.emplace_back(row.name);
  }
  Refuse(absl::StrCat(field, " must be one of ", absl::StrJoin(known, ", ")), name);
  return Activation::kNone;
}

void ConfigReader::RequireBool(const char* field, bool only) {
  if (Bool(field, only) != only) {
    Refuse(absl::StrCat(field, " is implemented for ", only ? "true" : "false", " alone"),
           only ? "false" : "true");
  }
}

void ConfigReader::RequireString(const char* field, std::string_view only) {
  if (const std::string value = String(field, only); value != only) {
    Refuse(absl::StrCat(field, " is implemented for \"", AbslView(only), "\" alone"), value);
  }
}

void ConfigReader::RequireMultiple(const char* field, int value, const char* of, int divisor) {
  if (value % divisor != 0) {
    Refuse(absl::StrCat(field, " must be a multiple of ", of, " ", divisor), std::to_string(value));
  }
}

}  // namespace chorus::runner
