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
constexpr size_t kMaxTexts = 8;  // A text that is there again costs as much again.

// What one post-processor hands to the next: parts that it may frame or set a type for each on its
// own, and that are joined in the end.
using Parts = std::vector<std::vector<Item>>;

struct FramedParts {
  Parts single = {Frame().single()};
  Parts pair = {{Frame().pair()[0]}, {Frame().pair()[1]}};
};

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
absl::StatusOr<std::vector<Item>> SpecialToken(const JsonFields& fields, const json& special,
                                               int32_t type_id, const Vocabulary& vocabulary) {
  std::vector<Item> items;
  const auto name = special.value("id", std::string());
  const json& tokens = fields.Value("special_tokens");
  if (!tokens.is_object() || !tokens.contains(name)) {
    ASSIGN_OR_RETURN(const int32_t id, TokenId(fields, name, json(), vocabulary));
    items.push_back({Item::Kind::kToken, id, type_id});
    return items;
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
  return items;
}

// [{"SpecialToken": ...}, {"Sequence": {"id": "A", "type_id": 0}}, ...], a part each.
absl::StatusOr<Parts> TemplateOf(const JsonFields& fields, const char* key,
                                 const Vocabulary& vocabulary) {
  const json& list = fields.Value(key);
  if (!list.is_array() || list.size() > kMaxItems) return fields.Unimplemented(key);
  Parts parts;
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
      ASSIGN_OR_RETURN(parts.emplace_back(), SpecialToken(fields, value, type_id, vocabulary));
    } else if (part.contains("Sequence") && value["id"] == "A") {
      parts.push_back({{Item::Kind::kFirstText, -1, type_id}});
    } else if (part.contains("Sequence") && value["id"] == "B") {
      parts.push_back({{Item::Kind::kSecondText, -1, type_id}});
    } else {
      return fields.Unimplemented(key);
    }
  }
  return parts;
}

bool Has(const Parts& parts, Item::Kind kind) {
  return std::ranges::any_of(parts, [kind](const std::vector<Item>& part) {
    return !part.empty() && part[0].kind == kind;
  });
}

void SetType(std::vector<Item>& part, int32_t type_id) {
  for (Item& item : part) item.type_id = type_id;
}

// `single` and `pair` are the templates for one part and for two. In them, texts are the parts.
absl::Status ApplyTemplate(const JsonFields& fields, const Parts& single, const Parts& pair,
                           Parts& parts) {
  if (parts.size() > 2) {
    return fields.Error(
        absl::StrFormat("frames what has been framed before, in %d parts: it has templates for one "
                        "and for two",
                        parts.size()));
  }
  Parts framed;
  for (const std::vector<Item>& piece : parts.size() == 1 ? single : pair) {
    if (piece.empty() || piece[0].kind == Item::Kind::kToken) {
      framed.push_back(piece);
      continue;
    }
    framed.push_back(parts[piece[0].kind == Item::Kind::kFirstText ? 0 : 1]);
    SetType(framed.back(), piece[0].type_id);
  }
  parts = std::move(framed);
  return absl::OkStatus();
}

absl::Status AddTemplate(const JsonFields& fields, const Vocabulary& vocabulary,
                         FramedParts& framed) {
  ASSIGN_OR_RETURN(const Parts single, TemplateOf(fields, "single", vocabulary));
  if (!Has(single, Item::Kind::kFirstText) || Has(single, Item::Kind::kSecondText)) {
    return fields.Unimplemented("single");
  }
  Parts pair = FramedParts().pair;
  if (const json& list = fields.Value("pair"); list.is_array() && !list.empty()) {
    ASSIGN_OR_RETURN(pair, TemplateOf(fields, "pair", vocabulary));
  }
  if (!Has(pair, Item::Kind::kFirstText) || !Has(pair, Item::Kind::kSecondText)) {
    return fields.Unimplemented("pair");
  }
  RETURN_IF_ERROR(ApplyTemplate(fields, single, pair, framed.single));
  return ApplyTemplate(fields, single, pair, framed.pair);
}

// BERT's: cls A sep, and every other part with a sep, of type 1, after it. RoBERTa's: with one on
// either side, and all of type 0.
void ApplyClsAndSep(int32_t cls, int32_t sep, bool is_roberta, Parts& parts) {
  for (std::vector<Item>& part : parts) {
    const bool is_first = &part == &parts[0];
    if (is_roberta) SetType(part, 0);
    if (is_first || is_roberta) {
      part.insert(part.begin(), {Item::Kind::kToken, is_first ? cls : sep, 0});
    }
    part.push_back({Item::Kind::kToken, sep, is_first || is_roberta ? 0 : 1});
  }
}

absl::Status AddClsAndSep(const JsonFields& fields, bool is_roberta, const Vocabulary& vocabulary,
                          FramedParts& framed) {
  ASSIGN_OR_RETURN(const int32_t cls, PairOf(fields, "cls", vocabulary));
  ASSIGN_OR_RETURN(const int32_t sep, PairOf(fields, "sep", vocabulary));
  ApplyClsAndSep(cls, sep, is_roberta, framed.single);
  ApplyClsAndSep(cls, sep, is_roberta, framed.pair);
  return absl::OkStatus();
}

std::vector<Item> Joined(const Parts& parts) {
  std::vector<Item> items;
  for (const std::vector<Item>& part : parts) items.insert(items.end(), part.begin(), part.end());
  return items;
}

size_t NumTexts(const Parts& parts) {
  const std::vector<Item> items = Joined(parts);
  return std::ranges::count_if(items,
                               [](const Item& item) { return item.kind != Item::Kind::kToken; });
}

// Adds what a post-processor does to what those before it do.
absl::Status Add(const json& object, const std::string& what, int depth,
                 const Vocabulary& vocabulary, FramedParts& framed,
                 std::vector<PostProcessor::Trim>& trims) {
  if (object.is_null()) return absl::OkStatus();
  const JsonFields fields(object, what);
  ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("type"));
  if (type == "Sequence") {
    const json& list = fields.Value("processors");
    if (!list.is_array() || list.size() > kMaxItems || depth == kMaxDepth) {
      return fields.Unimplemented("processors");
    }
    for (size_t i = 0; i < list.size(); ++i) {
      RETURN_IF_ERROR(Add(list[i], absl::StrFormat("%s.processors[%d]", what, i), depth + 1,
                          vocabulary, framed, trims));
    }
    return absl::OkStatus();
  }
  if (type == "ByteLevel" || type == "RobertaProcessing") {
    ASSIGN_OR_RETURN(const std::optional<bool> does_trim, fields.Bool("trim_offsets"));
    ASSIGN_OR_RETURN(const std::optional<bool> prefix, fields.Bool("add_prefix_space"));
    if (does_trim.value_or(true)) trims.push_back({prefix.value_or(true)});
    if (type == "ByteLevel") return absl::OkStatus();
  }
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    RETURN_IF_ERROR(AddClsAndSep(fields, type == "RobertaProcessing", vocabulary, framed));
  } else if (type == "TemplateProcessing") {
    RETURN_IF_ERROR(AddTemplate(fields, vocabulary, framed));
  } else {
    return fields.Unimplemented("type");
  }
  if (std::max(Joined(framed.single).size(), Joined(framed.pair).size()) > 4 * kMaxItems) {
    return fields.Error(absl::StrFormat("texts get more than %d parts", 4 * kMaxItems));
  }
  if (std::max(NumTexts(framed.single), NumTexts(framed.pair)) > kMaxTexts) {
    return fields.Error(absl::StrFormat("repeats texts: there are more than %d", kMaxTexts));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PostProcessor> PostProcessorFromJson(const json& object, const std::string& what,
                                                    const Vocabulary& vocabulary) {
  FramedParts framed;
  PostProcessor all;
  RETURN_IF_ERROR(Add(object, what, /*depth=*/0, vocabulary, framed, all.trims));
  all.frame = Frame(Joined(framed.single), Joined(framed.pair));
  return all;
}

}  // namespace chorus::runner
