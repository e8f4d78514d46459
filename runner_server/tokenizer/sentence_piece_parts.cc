#include "runner_server/tokenizer/sentence_piece_parts.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using Kind = TokenizerClass::Kind;

constexpr char kSpace[] = "\u2581";

json Literal(const char* from, const std::string& to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

json Spaces(const std::string& to) {
  return {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", to}};
}

json Sequence(const char* members, json list) {
  return {{"type", "Sequence"}, {members, std::move(list)}};
}

json MetaspacePart(const TokenizerConfig& config, bool has_legacy, bool splits) {
  const char* scheme = "always";
  if (!config.add_prefix_space.value_or(true)) {
    scheme = "never";
  } else if (has_legacy && !config.legacy.value_or(true)) {
    scheme = "first";
  }
  return {{"type", "Metaspace"},
          {"replacement", kSpace},
          {"prepend_scheme", scheme},
          {"split", splits}};
}

// A template of "A" and "B", and special tokens as they are.
json Template(const std::vector<std::string>& single, const std::vector<std::string>& pair,
              int32_t second_type) {
  const auto items = [second_type](const std::vector<std::string>& parts) {
    json list = json::array();
    int32_t type = 0;
    for (const std::string& part : parts) {
      if (part == "B") type = second_type;
      const bool is_text = part == "A" || part == "B";
      list.push_back({{is_text ? "Sequence" : "SpecialToken", {{"id", part}, {"type_id", type}}}});
    }
    return list;
  };
  return {{"type", "TemplateProcessing"}, {"single", items(single)}, {"pair", items(pair)}};
}

void SetNormalizer(Kind kind, const TokenizerConfig& config, const std::string& charsmap,
                   TokenizerSpec& spec) {
  json list = json::array();
  const auto add_charsmap = [&] {
    if (charsmap.empty()) return;
    list.push_back(
        {{"type", "Precompiled"}, {"precompiled_charsmap", absl::Base64Escape(charsmap)}});
  };
  switch (kind) {
    case Kind::kLlama:
      if (!config.legacy.value_or(true)) return;
      if (config.add_prefix_space.value_or(true)) {
        list.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
      }
      list.push_back(Literal(" ", kSpace));
      break;
    case Kind::kGemma:
      spec.normalizer = Literal(" ", kSpace);
      return;
    case Kind::kAlbert:
      list.push_back(Literal("``", "\""));
      list.push_back(Literal("''", "\""));
      if (!config.keep_accents.value_or(false)) {
        list.push_back({{"type", "NFKD"}});
        list.push_back({{"type", "StripAccents"}});
      }
      if (config.do_lower_case.value_or(true)) list.push_back({{"type", "Lowercase"}});
      add_charsmap();
      list.push_back(Spaces(" "));
      break;
    case Kind::kDeberta:
      if (config.do_lower_case.value_or(false)) list.push_back({{"type", "Lowercase"}});
      list.push_back({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
      add_charsmap();
      list.push_back(Spaces(" "));
      break;
    default:
      add_charsmap();
      list.push_back({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
      list.push_back(Spaces(kSpace));
      break;
  }
  spec.normalizer = Sequence("normalizers", std::move(list));
}

void SetPreTokenizerAndDecoder(Kind kind, const TokenizerConfig& config, TokenizerSpec& spec) {
  const bool has_legacy = kind == Kind::kLlama || kind == Kind::kT5;
  spec.decoder = MetaspacePart(config, has_legacy, /*splits=*/true);
  if (kind == Kind::kLlama || kind == Kind::kGemma) {
    json steps =
        json::array({Literal(kSpace, " "), json{{"type", "ByteFallback"}}, json{{"type", "Fuse"}}});
    if (kind == Kind::kLlama && config.add_prefix_space.value_or(true)) {
      steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1u}, {"stop", 0u}});
    }
    spec.decoder = Sequence("decoders", std::move(steps));
  }
  if (kind == Kind::kLlama) {
    if (config.legacy.value_or(true)) return;
    spec.pre_tokenizer = MetaspacePart(config, has_legacy, /*splits=*/false);
  } else if (kind == Kind::kGemma) {
    spec.pre_tokenizer = {{"type", "Split"},
                          {"pattern", {{"String", " "}}},
                          {"behavior", "MergedWithPrevious"},
                          {"invert", false}};
  } else {
    spec.pre_tokenizer = MetaspacePart(config, has_legacy, /*splits=*/true);
    if (kind == Kind::kDeberta && config.split_by_punct.value_or(false)) {
      spec.pre_tokenizer = Sequence(
          "pretokenizers", json::array({json{{"type", "Punctuation"}, {"behavior", "Isolated"}},
                                        spec.pre_tokenizer}));
    }
  }
}

void SetPostProcessor(Kind kind, TokenizerSpec& spec) {
  switch (kind) {
    case Kind::kAlbert:
    case Kind::kDeberta:
      spec.post_processor = Template({"[CLS]", "A", "[SEP]"}, {"[CLS]", "A", "[SEP]", "B", "[SEP]"},
                                     /*second_type=*/1);
      return;
    case Kind::kXlmRoberta:
      spec.post_processor =
          Template({"<s>", "A", "</s>"}, {"<s>", "A", "</s>", "</s>", "B", "</s>"}, 0);
      return;
    case Kind::kT5:
      spec.post_processor = Template({"A", "</s>"}, {"A", "</s>", "B", "</s>"}, 0);
      return;
    default:
      return;  // Llama and Gemma: as the config says.
  }
}

}  // namespace

void SetSentencePieceParts(Kind kind, const TokenizerConfig& config, const std::string& charsmap,
                           TokenizerSpec& spec) {
  SetNormalizer(kind, config, charsmap, spec);
  SetPreTokenizerAndDecoder(kind, config, spec);
  SetPostProcessor(kind, spec);
}

}  // namespace chorus::runner
