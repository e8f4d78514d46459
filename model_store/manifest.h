#pragma once

// manifest.json, which describes a stored model beside its files.
//
// Thread safety: values and free functions.

#include <cstdint>
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

// Where a model was pulled from.
struct ModelSource {
  std::string repository;  // "openai-community/gpt2".
  std::string commit;      // 40 lower-case hexadecimal digits.
  bool operator==(const ModelSource&) const = default;
};

struct Manifest {
  Tag tag;             // Its version is never "latest".
  absl::Time created;  // When it was saved; whole seconds.
  std::string task;    // "generate", "classify", or empty when the architecture is of neither kind.
  std::string architecture;  // As config.json names it, such as "GPT2LMHeadModel"; may be empty.
  std::vector<ManifestFile> files;    // By name; the manifest itself is not among them.
  std::optional<ModelSource> source;  // Unset for a model that was not pulled.

  int64_t size_bytes() const;
  bool operator==(const Manifest&) const = default;
};

// Whether `name` is a file directly in a model's folder, and not the manifest.
bool IsPlainFileName(std::string_view name);

// JSON, indented, ending in a newline.
std::string ToJson(const Manifest& manifest);

// The inverse. INVALID_ARGUMENT says what is missing or wrong. Unknown keys are ignored, so that
// older programs read newer manifests.
absl::StatusOr<Manifest> ParseManifest(std::string_view json);

}  // namespace chorus::store
