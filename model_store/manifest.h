#pragma once

// manifest.json, which describes a stored model beside its files: one JSON object with the keys
//
//   name, version   strings; the model's tag
//   created         string; RFC 3339, such as "2026-11-28T18:40:00+00:00"
//   task            string: "generate", "classify", "embed", or empty
//   architecture    string; as config.json names it, may be empty
//   dtype           string: in what most of the weights are stored, "float32"; absent: not known
//   parameters      integer; absent: not known
//   licence         string, such as "mit"; absent: not known
//   labels          object of strings (labels.h); absent: none
//   metadata        object with anything in it; absent: none
//   source          object: repository and commit, strings; absent: not known
//   files           array of objects: name (IsModelFileName's), size_bytes (integer) and sha256
//
// Programs that do not know a key read past it, and a program may write manifests without those
// that may be absent. docs/models.md says how a version comes into the store.
//
// Thread safety: values and free functions.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model_store/tag.h"

namespace chorus::store {

inline constexpr std::string_view kManifestFileName = "manifest.json";

struct ManifestFile {
  std::string name;  // In the model's folder; no slash.
  int64_t size_bytes = 0;
  std::string sha256;  // 64 lower-case hexadecimal digits.
  bool operator==(const ManifestFile&) const = default;
};

// Where a model comes from.
struct ModelSource {
  std::string repository;  // "openai-community/gpt2".
  std::string commit;      // Of a pulled one 40 lower-case hexadecimal digits; may be empty.
  bool operator==(const ModelSource&) const = default;
};

struct Manifest {
  Tag tag;             // Its version is never "latest".
  absl::Time created;  // When it was saved; whole seconds.
  std::string
      task;  // "generate", "classify", "embed", or empty when the architecture is of no kind.
  std::string architecture;  // As config.json names it, such as "GPT2LMHeadModel"; may be empty.
  std::vector<ManifestFile> files;    // By name; the manifest itself is not among them.
  std::optional<ModelSource> source;  // Where it comes from, if that is known.
  std::string dtype;                  // "float32", "bfloat16", …; empty: not known.
  int64_t num_parameters = 0;         // 0: not known.
  std::string licence;                // As a model card names it, such as "mit"; may be empty.
  std::map<std::string, std::string> labels;  // See labels.h.
  std::string metadata;                       // A JSON object; empty: none.

  int64_t size_bytes() const;
  bool operator==(const Manifest&) const = default;
};

// A version made of the files' names and hashes: 12 hexadecimal digits, the same for the same
// content.
std::string ContentVersion(const std::vector<ManifestFile>& files);

// The SHA-256 of its native code, model.pt2, of a model that was compiled; empty: it has none.
std::string NativeCodeOf(const std::vector<ManifestFile>& files);

// Whether `name` may be a file directly in a model's folder, and not the manifest: IsPrintable.
bool IsPlainFileName(std::string_view name);

// A compiled model's native code (runner_server/model/compiled_model.h).
inline constexpr char kNativeCodeName[] = "model.pt2";

// Whether `name` may be a file of a model: a plain one, or one in a folder of a module
// (base/model_modules.h), such as "1_Pooling/config.json".
bool IsModelFileName(std::string_view name);

// The source as "REPOSITORY@COMMIT", or the repository alone; and the inverse.
std::string ToString(const ModelSource& source);
ModelSource ParseModelSource(std::string_view text);

// A JSON object, as Manifest::metadata has it, IsPrintable. INVALID_ARGUMENT if it is none, or
// nests too deep.
absl::StatusOr<std::string> ParseMetadata(std::string_view json);

// JSON, indented, ending in a newline. What is not known is left out.
std::string ToJson(const Manifest& manifest);

// The inverse. INVALID_ARGUMENT says what is missing or wrong. Unknown keys are ignored, so that
// older programs read newer manifests. What is of others is IsPrintable then: control characters of
// texts become spaces.
absl::StatusOr<Manifest> ParseManifest(std::string_view json);

}  // namespace chorus::store
