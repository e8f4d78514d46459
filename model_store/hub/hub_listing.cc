#include "model_store/hub/hub_listing.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/digest.h"
#include "model_store/hub/hub_source.h"
#include "model_store/manifest.h"

namespace chorus::store {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxFileBytes = int64_t{1} << 42;
constexpr int kMaxDepth = 32;

constexpr std::string_view kConfig = "config.json";
constexpr std::string_view kWeights = "model.safetensors";
// In the order in which they are fetched, between those two.
constexpr std::string_view kTokenizerFiles[] = {"tokenizer_config.json",
                                                "special_tokens_map.json",
                                                "added_tokens.json",
                                                "merges.txt",
                                                "vocab.json",
                                                "vocab.txt",
                                                "tokenizer.json"};

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

bool Has(const HubListing& listing, std::string_view name) {
  return std::ranges::binary_search(listing.files, name, {}, &HubFile::name);
}

absl::Status MissingWeights(const HubListing& listing) {
  if (Has(listing, "model.safetensors.index.json")) {
    return absl::FailedPreconditionError(
        "its weights are cut into shards, which Chorus does not read: model.safetensors must be "
        "one file");
  }
  if (Has(listing, "pytorch_model.bin")) {
    return absl::FailedPreconditionError(
        "it has no model.safetensors, only pytorch_model.bin, a pickle, which could run code: "
        "Chorus never reads those. Another revision may have safetensors (refs/pr/N is where the "
        "hub's converter offers them)");
  }
  return absl::FailedPreconditionError("it has no model.safetensors");
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
  const Json* siblings = Find(json, "siblings");
  if (siblings == nullptr || !siblings->is_array()) return Bad("siblings must be an array");
  for (const Json& sibling : *siblings) {
    const Json* name = sibling.is_object() ? Find(sibling, "rfilename") : nullptr;
    if (name == nullptr || !name->is_string()) return Bad("siblings must hold files with names");
    std::string text_name = name->get<std::string>();
    if (!IsPlainFileName(text_name)) continue;
    ASSIGN_OR_RETURN(HubFile file, ParseFile(std::move(text_name), sibling));
    listing.files.push_back(std::move(file));
  }
  std::ranges::sort(listing.files, {}, &HubFile::name);
  const auto twice = std::ranges::adjacent_find(listing.files, {}, &HubFile::name);
  if (twice != listing.files.end()) return Bad(absl::CHexEscape(twice->name) + " is there twice");
  return listing;
}

absl::StatusOr<std::vector<HubFile>> SelectModelFiles(const HubListing& listing) {
  std::vector<HubFile> selected;
  const auto select = [&](std::string_view name) {
    if (!Has(listing, name)) return false;
    selected.push_back(*std::ranges::lower_bound(listing.files, name, {}, &HubFile::name));
    return true;
  };
  if (!select(kConfig)) return absl::FailedPreconditionError("it has no config.json");
  for (const std::string_view name : kTokenizerFiles) select(name);
  const bool has_vocabulary = Has(listing, "tokenizer.json") || Has(listing, "vocab.txt") ||
                              (Has(listing, "vocab.json") && Has(listing, "merges.txt"));
  if (!has_vocabulary) {
    return absl::FailedPreconditionError(
        "it has no vocabulary: neither tokenizer.json, nor vocab.json with merges.txt, nor "
        "vocab.txt");
  }
  if (!select(kWeights)) return MissingWeights(listing);
  return selected;
}

}  // namespace chorus::store
