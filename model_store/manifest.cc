#include "model_store/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/digest.h"
#include "base/model_file.h"
#include "base/model_modules.h"
#include "base/printable.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "model_store/labels.h"

namespace chorus::store {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxFileBytes = int64_t{1} << 50;  // Keeps sums of sizes far from overflow.
constexpr int kMaxDepth = 64;                        // Of what metadata may hold.

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("manifest.json: ", AbslView(what)));
}

absl::StatusOr<Json> ParseObject(std::string_view text, int max_depth) {
  bool too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t, Json&) {
    too_deep |= depth > max_depth;
    return depth <= max_depth;
  };
  Json json = Json::parse(text, keep, /*allow_exceptions=*/false);
  if (json.is_discarded() && !too_deep && ParseModelJson(text).ok()) {
    return absl::InvalidArgumentError("a number of it is not finite, or not as a double");
  }
  if (!json.is_object()) return absl::InvalidArgumentError("not a JSON object");
  if (too_deep) {
    return absl::InvalidArgumentError(absl::StrCat("its values nest deeper than ", max_depth));
  }
  return json;
}

absl::StatusOr<std::string> StringField(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return Bad(absl::StrCat(key, " must be a string"));
  return it->get<std::string>();
}

// A field that is shown: what would command a terminal is left out.
absl::StatusOr<std::string> TextField(const Json& object, const char* key) {
  const absl::StatusOr<std::string> text = StringField(object, key);
  return text.ok() ? PrintableLine(*text) : text;
}

// Empty if the key is absent.
absl::StatusOr<std::string> OptionalTextField(const Json& object, const char* key) {
  return object.contains(key) ? TextField(object, key) : std::string();
}

// JSON in which also the control characters that nlohmann leaves as they are, DEL and the C1 set,
// are escaped. They can only be part of texts.
std::string Dump(const Json& json, int indent = -1) {
  const std::string dumped = json.dump(indent);
  std::string text;
  for (std::string_view rest = dumped; !rest.empty();) {
    const Utf8Step step = DecodeUtf8(rest);
    if (step.code_point >= 0x7F && step.code_point < 0xA0) {
      absl::StrAppendFormat(&text, "\\u%04x", static_cast<unsigned>(step.code_point));
    } else {
      text += rest.substr(0, step.num_bytes);
    }
    rest.remove_prefix(step.num_bytes);
  }
  return text;
}

absl::StatusOr<ManifestFile> ParseFile(const Json& object) {
  if (!object.is_object()) return Bad("files must hold objects");
  ManifestFile file;
  absl::StatusOr<std::string> name = StringField(object, "name");
  if (!name.ok()) return name.status();
  absl::StatusOr<std::string> sha256 = StringField(object, "sha256");
  if (!sha256.ok()) return sha256.status();
  const auto size = object.find("size_bytes");
  if (!IsModelFileName(*name)) return Bad("not a plain file name: " + absl::CEscape(*name));
  if (!IsSha256(*sha256)) return Bad(absl::StrCat("not a SHA-256: ", *sha256));
  if (size == object.end() || !size->is_number_integer() || size->get<int64_t>() < 0 ||
      size->get<int64_t>() > kMaxFileBytes) {
    return Bad(absl::StrCat("size_bytes of ", *name, " must be an integer from 0 to 2^50"));
  }
  return ManifestFile{*std::move(name), size->get<int64_t>(), *std::move(sha256)};
}

absl::StatusOr<ModelSource> ParseSource(const Json& object) {
  if (!object.is_object()) return Bad("source must be an object");
  absl::StatusOr<std::string> repository = TextField(object, "repository");
  if (!repository.ok()) return repository.status();
  absl::StatusOr<std::string> commit = TextField(object, "commit");
  if (!commit.ok()) return commit.status();
  return ModelSource{*std::move(repository), *std::move(commit)};
}

// The keys that may be absent.
absl::Status ParseFacts(const Json& json, Manifest& manifest) {
  for (const auto& [key, field] :
       {std::pair{"dtype", &manifest.dtype}, {"licence", &manifest.licence}}) {
    absl::StatusOr<std::string> value = OptionalTextField(json, key);
    if (!value.ok()) return value.status();
    *field = *std::move(value);
  }
  if (const auto it = json.find("parameters"); it != json.end()) {
    if (!it->is_number_integer() || it->get<int64_t>() < 0) {
      return Bad("parameters must be an integer from 0");
    }
    manifest.num_parameters = it->get<int64_t>();
  }
  if (const auto it = json.find("labels"); it != json.end()) {
    if (!it->is_object()) return Bad("labels must be an object");
    for (const auto& [key, value] : it->items()) {
      if (!value.is_string()) return Bad(absl::StrCat("labels.", key, " must be a string"));
      manifest.labels[key] = value.get<std::string>();
      const absl::Status label = CheckLabel(key, manifest.labels[key]);
      if (!label.ok()) return Bad(StdView(label.message()));
    }
  }
  if (const auto it = json.find("metadata"); it != json.end()) {
    if (!it->is_object()) return Bad("metadata must be an object");
    if (!it->empty()) manifest.metadata = Dump(*it);
  }
  if (const auto it = json.find("source"); it != json.end()) {
    absl::StatusOr<ModelSource> source = ParseSource(*it);
    if (!source.ok()) return source.status();
    manifest.source = *std::move(source);
  }
  return absl::OkStatus();
}

}  // namespace

std::string ContentVersion(const std::vector<ManifestFile>& files) {
  constexpr size_t kLength = 12;
  std::map<std::string_view, std::string_view> hashes;
  for (const ManifestFile& file : files) hashes[file.name] = file.sha256;
  Sha256 all;
  for (const auto& [name, sha256] : hashes) {
    all.Update(name);
    all.Update({"\0", 1});  // Which no name has.
    all.Update(sha256);
  }
  return std::move(all).HexDigest().substr(0, kLength);
}

std::string NativeCodeOf(const std::vector<ManifestFile>& files) {
  const auto code = std::ranges::find(files, kNativeCodeName, &ManifestFile::name);
  return code == files.end() ? "" : code->sha256;
}

std::string ToString(const ModelSource& source) {
  return source.commit.empty() ? source.repository
                               : absl::StrCat(source.repository, "@", source.commit);
}

ModelSource ParseModelSource(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos) return {std::string(text), ""};
  return {std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

bool IsPlainFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name != kManifestFileName &&
         name.find('/') == std::string_view::npos && IsPrintable(name);
}

bool IsModelFileName(std::string_view name) {
  const size_t slash = std::min(name.find('/'), name.size());
  return IsPlainFileName(name) || (IsModuleFolder(name.substr(0, slash)) && slash < name.size() &&
                                   IsPlainFileName(name.substr(slash + 1)));
}

int64_t Manifest::size_bytes() const {
  int64_t sum = 0;
  for (const ManifestFile& file : files) sum += file.size_bytes;
  return sum;
}

std::string ToJson(const Manifest& manifest) {
  Json files = Json::array();
  for (const ManifestFile& file : manifest.files) {
    files.push_back(
        {{"name", file.name}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
  }
  Json json = {
      {"name", manifest.tag.name},
      {"version", manifest.tag.version},
      {"created", absl::FormatTime(absl::RFC3339_sec, manifest.created, absl::UTCTimeZone())},
      {"task", manifest.task},
      {"architecture", manifest.architecture}};
  if (!manifest.dtype.empty()) json["dtype"] = manifest.dtype;
  if (manifest.num_parameters > 0) json["parameters"] = manifest.num_parameters;
  if (!manifest.licence.empty()) json["licence"] = manifest.licence;
  if (!manifest.labels.empty()) json["labels"] = manifest.labels;
  if (!manifest.metadata.empty()) json["metadata"] = Json::parse(manifest.metadata);
  if (manifest.source) {
    json["source"] = {{"repository", manifest.source->repository},
                      {"commit", manifest.source->commit}};
  }
  json["files"] = std::move(files);
  return Dump(json, 2) + "\n";
}

absl::StatusOr<std::string> ParseMetadata(std::string_view text) {
  const absl::StatusOr<Json> json = ParseObject(text, kMaxDepth - 1);  // Within a manifest.
  if (!json.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("metadata: ", json.status().message()));
  }
  return json->empty() ? "" : Dump(*json);
}

absl::StatusOr<Manifest> ParseManifest(std::string_view text) {
  const absl::StatusOr<Json> parsed = ParseObject(text, kMaxDepth);
  if (!parsed.ok()) return Bad(StdView(parsed.status().message()));
  const Json& json = *parsed;
  Manifest manifest;
  std::string created;
  for (const auto& [key, field] : {std::pair{"name", &manifest.tag.name},
                                   {"version", &manifest.tag.version},
                                   {"created", &created},
                                   {"task", &manifest.task},
                                   {"architecture", &manifest.architecture}}) {
    absl::StatusOr<std::string> value = TextField(json, key);
    if (!value.ok()) return value.status();
    *field = *std::move(value);
  }
  if (absl::Status status = ValidateTag(manifest.tag); !status.ok())
    return Bad(StdView(status.message()));
  if (manifest.tag.is_latest()) return Bad("\"latest\" is not a version");
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, created, &manifest.created, &error)) {
    return Bad(absl::StrCat("created is not a time (", error, "): ", created));
  }
  const auto files = json.find("files");
  if (files == json.end() || !files->is_array()) return Bad("files must be an array");
  for (const Json& object : *files) {
    absl::StatusOr<ManifestFile> file = ParseFile(object);
    if (!file.ok()) return file.status();
    manifest.files.push_back(*std::move(file));
  }
  if (absl::Status status = ParseFacts(json, manifest); !status.ok()) return status;
  return manifest;
}

}  // namespace chorus::store
