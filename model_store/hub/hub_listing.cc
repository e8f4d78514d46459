#include "model_store/hub/hub_listing.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/hub/hub_source.h"
#include "model_store/manifest.h"

namespace chorus::store {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxFileBytes = int64_t{1} << 42;
constexpr int kMaxDepth = 32;
constexpr size_t kMaxLicenceBytes = 256;

constexpr std::string_view kConfig = "config.json";
// In order of preference; their shards are listed in a file NAME.index.json.
constexpr std::string_view kWeights[] = {"model.safetensors", "pytorch_model.bin"};
// In the order in which they are fetched, between config.json and the weights.
constexpr std::string_view kSmallFiles[] = {"generation_config.json",
                                            "modules.json",
                                            "config_sentence_transformers.json",
                                            "sentence_bert_config.json",
                                            "sentence_roberta_config.json",
                                            "sentence_distilbert_config.json",
                                            "sentence_camembert_config.json",
                                            "sentence_albert_config.json",
                                            "sentence_xlm-roberta_config.json",
                                            "tokenizer_config.json",
                                            "special_tokens_map.json",
                                            "added_tokens.json",
                                            "chat_template.jinja",
                                            "merges.txt",
                                            "vocab.json",
                                            "vocab.txt",
                                            "spiece.model",
                                            "sentencepiece.bpe.model",
                                            "tokenizer.model",
                                            "tokenizer.json"};
// One of these, or vocab.json with merges.txt.
constexpr std::string_view kVocabularies[] = {"tokenizer.json", "vocab.txt", "tokenizer.model",
                                              "spiece.model", "sentencepiece.bpe.model"};

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the hub's list of files is not as it should be: ", AbslView(what)));
}

// Null unless the key is there.
const Json* Find(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

std::string StringOrEmpty(const Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

absl::StatusOr<HubFile> ParseFile(std::string name, const Json& object) {
  HubFile file{std::move(name)};
  const std::string quoted = absl::CHexEscape(file.name);
  const Json* lfs = Find(object, "lfs");
  const bool is_lfs = lfs != nullptr && lfs->is_object();
  const Json* size = Find(is_lfs ? *lfs : object, "size");
  if (size == nullptr || !size->is_number_unsigned() ||
      size->get<uint64_t>() > uint64_t{kMaxFileBytes}) {
    return Bad("the size of " + quoted + " must be an integer from 0 to 2^42");
  }
  file.size_bytes = size->get<int64_t>();
  if (is_lfs) {
    file.sha256 = StringOrEmpty(Find(*lfs, "sha256"));
    if (!IsSha256(file.sha256)) return Bad("no SHA-256 of " + quoted);
  } else {
    file.git_sha1 = StringOrEmpty(Find(object, "blobId"));
    if (!IsCommit(file.git_sha1)) return Bad("no hash of " + quoted);
  }
  return file;
}

// The "license" of a card's head, which is a name or a list of names. What it calls "other" it
// names beside. Empty if there is none, or it is no name.
std::string LicenceOf(const Json* card) {
  const Json* licence = card != nullptr && card->is_object() ? Find(*card, "license") : nullptr;
  std::vector<std::string> names;
  if (licence != nullptr && licence->is_array()) {
    for (const Json& name : *licence) names.push_back(StringOrEmpty(&name));
  } else {
    names.push_back(StringOrEmpty(licence));
  }
  std::string text = absl::StrJoin(names, ", ");
  if (text == "other") {
    const std::string name = StringOrEmpty(Find(*card, "license_name"));
    if (!name.empty()) text = name;
  }
  return text.size() <= kMaxLicenceBytes ? PrintableLine(text) : "";
}

// Values that nest deeper than any listing are not kept, and make it wrong.
Json ParseBounded(std::string_view text, bool& too_deep) {
  too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t, Json&) {
    if (depth <= kMaxDepth) return true;
    too_deep = true;
    return false;
  };
  return Json::parse(text, keep, /*allow_exceptions=*/false);
}

// Null unless the listing has it.
const HubFile* Find(const HubListing& listing, std::string_view name) {
  const auto file = std::ranges::lower_bound(listing.files, name, {}, &HubFile::name);
  return file == listing.files.end() || file->name != name ? nullptr : &*file;
}

bool HasVocabulary(const HubListing& listing) {
  const auto has = [&](std::string_view name) { return Find(listing, name) != nullptr; };
  return std::ranges::any_of(kVocabularies, has) || (has("vocab.json") && has("merges.txt"));
}

// The weights, in `folder` ("" or "2_Dense/"); null if there are none in one file.
const HubFile* FindWhole(const HubListing& listing, std::string_view folder) {
  for (const std::string_view name : kWeights) {
    if (const HubFile* whole = Find(listing, absl::StrCat(AbslView(folder), AbslView(name)))) {
      return whole;
    }
  }
  return nullptr;
}

// What the modules of sentence-transformers behind the transformer have in folders of their own.
absl::Status AddModules(const HubListing& listing, ModelFiles& files) {
  for (const HubFile& file : listing.files) {
    const size_t slash = file.name.find('/');
    if (slash == std::string::npos || file.name.substr(slash + 1) != kConfig) continue;
    const std::string folder = file.name.substr(0, slash + 1);
    if (folder.ends_with("_Transformer/")) continue;
    files.small.push_back(file);
    const HubFile* weights = FindWhole(listing, folder);
    if (weights != nullptr) {
      files.weights.push_back(*weights);
    } else if (folder.ends_with("_Dense/")) {
      return absl::FailedPreconditionError(
          absl::StrCat("its ", folder, " has neither model.safetensors nor pytorch_model.bin"));
    }
  }
  return absl::OkStatus();
}

// The model's files but for the small ones that it may do without.
absl::StatusOr<ModelFiles> SelectWeights(const HubListing& listing) {
  ModelFiles files;
  for (const std::string_view name : kWeights) {
    if (const HubFile* whole = Find(listing, name)) {
      files.weights.push_back(*whole);
      return files;
    }
    const std::string index = absl::StrCat(AbslView(name), ".index.json");
    if (const HubFile* file = Find(listing, index)) {
      files.small.push_back(*file);
      files.index = index;
      return files;
    }
  }
  if (Find(listing, kNativeCodeName) != nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it is compiled: its ", kNativeCodeName, " is native code, which is taken from no hub. ",
        "Compile the model that it was made of, with chorus.save_model(…, compile=True)"));
  }
  return absl::FailedPreconditionError(
      "it has no weights that Chorus reads: neither model.safetensors nor pytorch_model.bin, nor "
      "shards with their index");
}

}  // namespace

absl::StatusOr<HubListing> ParseHubListing(std::string_view text) {
  if (static_cast<int64_t>(text.size()) > kMaxHubListingBytes) {
    return Bad(absl::StrCat("more than ", kMaxHubListingBytes, " bytes"));
  }
  bool too_deep = false;
  const Json json = ParseBounded(text, too_deep);
  if (too_deep) return Bad(absl::StrCat("it nests deeper than ", kMaxDepth));
  if (!json.is_object()) return Bad("not a JSON object");
  HubListing listing{StringOrEmpty(Find(json, "sha"))};
  if (!IsCommit(listing.commit)) return Bad("sha must be a commit");
  listing.licence = LicenceOf(Find(json, "cardData"));
  const Json* siblings = Find(json, "siblings");
  if (siblings == nullptr || !siblings->is_array()) return Bad("siblings must be an array");
  for (const Json& sibling : *siblings) {
    const Json* name = sibling.is_object() ? Find(sibling, "rfilename") : nullptr;
    if (name == nullptr || !name->is_string()) return Bad("siblings must hold files with names");
    std::string text_name = name->get<std::string>();
    if (!IsModelFileName(text_name)) continue;
    ASSIGN_OR_RETURN(HubFile file, ParseFile(std::move(text_name), sibling));
    listing.files.push_back(std::move(file));
  }
  std::ranges::sort(listing.files, {}, &HubFile::name);
  const auto twice = std::ranges::adjacent_find(listing.files, {}, &HubFile::name);
  if (twice != listing.files.end()) return Bad(absl::CHexEscape(twice->name) + " is there twice");
  return listing;
}

absl::StatusOr<ModelFiles> SelectModelFiles(const HubListing& listing) {
  const HubFile* config = Find(listing, kConfig);
  if (config == nullptr) {
    return absl::FailedPreconditionError(
        Find(listing, "0_Transformer/config.json") == nullptr
            ? "it has no config.json"
            : "it has no config.json but in 0_Transformer, as early versions of "
              "sentence-transformers have it: fetch it by other means, and import the folder");
  }
  if (!HasVocabulary(listing)) {
    return absl::FailedPreconditionError(
        "it has no vocabulary: neither tokenizer.json, nor vocab.json with merges.txt, nor "
        "vocab.txt, nor tokenizer.model, spiece.model or sentencepiece.bpe.model");
  }
  ASSIGN_OR_RETURN(ModelFiles files, SelectWeights(listing));
  files.small.insert(files.small.begin(), *config);
  for (const std::string_view name : kSmallFiles) {
    if (const HubFile* file = Find(listing, name)) files.small.push_back(*file);
  }
  RETURN_IF_ERROR(AddModules(listing, files));
  return files;
}

absl::StatusOr<std::vector<HubFile>> SelectShards(const HubListing& listing,
                                                  const WeightsIndex& index) {
  std::set<std::string_view> names;
  for (const auto& [tensor, name] : index) names.insert(name);
  std::vector<HubFile> shards;
  for (const std::string_view name : names) {
    const HubFile* file = Find(listing, name);
    if (file == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("its index names ", AbslView(name), ", which it does not have"));
    }
    shards.push_back(*file);
  }
  return shards;
}

}  // namespace chorus::store
