#include "runner_server/tokenizer/post_processor.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "runner_server/tokenizer/json_fields.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using Item = Frame::Item;

constexpr int kMaxDepth = 8;
constexpr size_t kMaxItems = 64;

// The token that a post-processor names, with its id or without.
absl::StatusOr<int32_t> TokenId(const JsonFields& fields, const std::string& token, const json& id,
                                const Vocabulary& vocabulary) {
  if (id.is_number_unsigned()) {
    if (id.get<uint64_t>() < static_cast<uint64_t>(vocabulary.size())) return id.get<int32_t>();
    return fields.Error(absl::StrFormat("\"%s\" has an id past the vocabulary", token));
  }
  auto found = vocabulary.Require(token, "frames texts");
  if (!found.ok()) return fields.Error(std::string(found.status().message()));
  return found;
}

// {"sep": ["[SEP]", 102]}
absl::StatusOr<int32_t> PairOf(const JsonFields& fields, const char* key,
                               const Vocabulary& vocabulary) {
  const json& value = fields.Value(key);
  if (!value.is_array() || value.size() != 2 || !value[0].is_string()) {
    return fields.Unimplemented(key);
  }
  return TokenId(fields, value[0].get<std::string>(), value[1], vocabulary);
}

// {"SpecialToken": {"id": "[CLS]", "type_id": 0}}
absl::Status AddSpecialToken(const JsonFields& fields, const json& special, int32_t type_id,
                             const Vocabulary& vocabulary, std::vector<Item>& items) {
  const auto name = special.value("id", std::string());
  const json& tokens = fields.Value("special_tokens");
  if (!tokens.is_object() || !tokens.contains(name)) {
    ASSIGN_OR_RETURN(const int32_t id, TokenId(fields, name, json(), vocabulary));
    items.push_back({Item::Kind::kToken, id, type_id});
    return absl::OkStatus();
  }
  const json& token = tokens[name];
  if (!token.is_object() || !token.contains("ids") || !token["ids"].is_array() ||
      token["ids"].size() > kMaxItems) {
    return fields.Unimplemented("special_tokens");
  }
  for (const json& id : token["ids"]) {
    ASSIGN_OR_RETURN(const int32_t checked, TokenId(fields, name, id, vocabulary));
    items.push_back({Item::Kind::kToken, checked, type_id});
  }
  return absl::OkStatus();
}

// [{"SpecialToken": ...}, {"Sequence": {"id": "A", "type_id": 0}}, ...]
absl::StatusOr<std::vector<Item>> TemplateOf(const JsonFields& fields, const char* key,
                                             const Vocabulary& vocabulary) {
  const json& list = fields.Value(key);
  if (!list.is_array() || list.size() > kMaxItems) return fields.Unimplemented(key);
  std::vector<Item> items;
  for (const json& part : list) {
    if (!part.is_object() || part.size() != 1 || !part.begin()->is_object()) {
      return fields.Unimplemented(key);
    }
    const json& value = *part.begin();
    const json type = value.value("type_id", json(0));
    if (!type.is_number_integer() || type.get<int64_t>() < 0 || type.get<int64_t>() > 1000 ||
        !value.contains("id") || !value["id"].is_string()) {
      return fields.Unimplemented(key);
    }
    const auto type_id = type.get<int32_t>();
    if (part.contains("SpecialToken")) {
      RETURN_IF_ERROR(AddSpecialToken(fields, value, type_id, vocabulary, items));
    } else if (part.contains("Sequence") && value["id"] == "A") {
      items.push_back({Item::Kind::kFirstText, -1, type_id});
    } else if (part.contains("Sequence") && value["id"] == "B") {
      items.push_back({Item::Kind::kSecondText, -1, type_id});
    } else {
      return fields.Unimplemented(key);
    }
  }
  return items;
}

bool HasOnce(const std::vector<Item>& items, Item::Kind kind, int times) {
  return std::count_if(items.begin(), items.end(),
                       [kind](const Item& item) { return item.kind == kind; }) == times;
}

absl::StatusOr<Frame> TemplateFrame(const JsonFields& fields, const Vocabulary& vocabulary) {
  ASSIGN_OR_RETURN(std::vector<Item> single, TemplateOf(fields, "single", vocabulary));
  if (!HasOnce(single, Item::Kind::kFirstText, 1) || !HasOnce(single, Item::Kind::kSecondText, 0)) {
    return fields.Unimplemented("single");
  }
  std::vector<Item> pair = Frame().pair();
  if (const json& list = fields.Value("pair"); list.is_array() && !list.empty()) {
    ASSIGN_OR_RETURN(pair, TemplateOf(fields, "pair", vocabulary));
  }
  if (!HasOnce(pair, Item::Kind::kFirstText, 1) || !HasOnce(pair, Item::Kind::kSecondText, 1)) {
    return fields.Unimplemented("pair");
  }
  return Frame(std::move(single), std::move(pair));
}

absl::StatusOr<Frame> ClsAndSepFrame(const JsonFields& fields, bool is_roberta,
                                     const Vocabulary& vocabulary) {
  ASSIGN_OR_RETURN(const int32_t cls, PairOf(fields, "cls", vocabulary));
  ASSIGN_OR_RETURN(const int32_t sep, PairOf(fields, "sep", vocabulary));
  return is_roberta ? Frame::Roberta(cls, sep) : Frame::Bert(cls, sep);
}

// Joins what a post-processor does to what those before it do.
absl::Status Add(const json& object, const std::string& what, int depth,
                 const Vocabulary& vocabulary, PostProcessor& all) {
  if (object.is_null()) return absl::OkStatus();
  const JsonFields fields(object, what);
  ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("type"));
  if (type == "Sequence") {
    const json& list = fields.Value("processors");
    if (!list.is_array() || depth == kMaxDepth) return fields.Unimplemented("processors");
    for (size_t i = 0; i < list.size(); ++i) {
      RETURN_IF_ERROR(
          Add(list[i], absl::StrFormat("%s.processors[%d]", what, i), depth + 1, vocabulary, all));
    }
    return absl::OkStatus();
  }
  if (type == "ByteLevel" || type == "RobertaProcessing") {
    ASSIGN_OR_RETURN(const std::optional<bool> trims, fields.Bool("trim_offsets"));
    ASSIGN_OR_RETURN(const std::optional<bool> prefix, fields.Bool("add_prefix_space"));
    if (trims.value_or(true)) {
      all.trims_spans = true;
      all.keeps_prefix_space = prefix.value_or(true);
    }
    if (type == "ByteLevel") return absl::OkStatus();
  }
  Frame frame;
  if (type == "TemplateProcessing") {
    ASSIGN_OR_RETURN(frame, TemplateFrame(fields, vocabulary));
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    ASSIGN_OR_RETURN(frame, ClsAndSepFrame(fields, type == "RobertaProcessing", vocabulary));
  } else {
    return fields.Unimplemented("type");
  }
  if (all.frame != Frame() && frame != Frame()) return fields.Error("frames texts a second time");
  if (frame != Frame()) all.frame = std::move(frame);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PostProcessor> PostProcessorFromJson(const json& object, const std::string& what,
                                                    const Vocabulary& vocabulary) {
  PostProcessor all;
  RETURN_IF_ERROR(Add(object, what, /*depth=*/0, vocabulary, all));
  return all;
}

}  // namespace chorus::runner
