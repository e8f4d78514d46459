#include "bundles/resources.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/dtypes.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

using ::chorus::config::v1::Resources;
using ResourcesMap = google::protobuf::Map<std::string, Resources>;

constexpr uint32_t kMaxThreads = 1024;
constexpr uint32_t kMaxReplicas = 64;
constexpr uint64_t kMaxBytes = uint64_t{1} << 50;

absl::Status CheckRange(const std::string& path, uint64_t value, uint64_t min, uint64_t max,
                        const YamlPlaces& places) {
  if (value >= min && value <= max) return absl::OkStatus();
  return places.Error(path, absl::StrCat("must be from ", min, " to ", max, ": ", value));
}

absl::Status CheckOne(const std::string& path, const Resources& one, const YamlPlaces& places) {
  if (one.has_threads()) {
    RETURN_IF_ERROR(CheckRange(path + ".threads", one.threads(), 1, kMaxThreads, places));
  }
  if (one.has_replicas()) {
    RETURN_IF_ERROR(CheckRange(path + ".replicas", one.replicas(), 1, kMaxReplicas, places));
  }
  if (one.has_memory_bytes()) {
    RETURN_IF_ERROR(CheckRange(path + ".memory_bytes", one.memory_bytes(), 1, kMaxBytes, places));
  }
  RETURN_IF_ERROR(CheckRange(path + ".kv_cache_bytes", one.kv_cache_bytes(), 0, kMaxBytes, places));
  if (!one.dtype().empty() && std::ranges::count(kDtypes, one.dtype()) == 0) {
    return places.Error(
        path + ".dtype",
        absl::StrCat("must be one of ", absl::StrJoin(kDtypes, ", "), ": \"", one.dtype(), "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckResources(const ResourcesMap& resources, std::span<const std::string> runners,
                            const YamlPlaces& places) {
  std::set<std::string> names;  // So that the first error is always the same.
  for (const auto& [name, unused] : resources) names.insert(name);
  for (const std::string& name : names) {
    const std::string path = "resources." + name;
    if (std::ranges::count(runners, name) == 0) {
      return places.Error(path, absl::StrCat("the graph has no such runner; it has ",
                                             absl::StrJoin(runners, ", ")));
    }
    RETURN_IF_ERROR(CheckOne(path, resources.at(name), places));
  }
  return absl::OkStatus();
}

std::vector<std::string> RunnerFlags(const Resources& resources) {
  std::vector<std::string> flags;
  if (!resources.dtype().empty()) flags.insert(flags.end(), {"--dtype", resources.dtype()});
  if (resources.has_kv_cache_bytes()) {
    flags.insert(flags.end(), {"--kv_cache_bytes", std::to_string(resources.kv_cache_bytes())});
  }
  return flags;
}

const Resources& ResourcesOf(const ResourcesMap& resources, const std::string& runner) {
  const auto it = resources.find(runner);
  return it == resources.end() ? Resources::default_instance() : it->second;
}

}  // namespace chorus
