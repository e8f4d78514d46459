#include "bundles/resources.h"

#include <algorithm>
#include <array>
#include <regex>
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

// Such as "cuda:1"; which devices there are is the runner's to know.
bool IsDevice(const std::string& text) {
  static const auto& device = *new std::regex("[a-z]{1,32}(:[0-9]{1,3})?");
  return std::regex_match(text, device);
}

template <size_t size>
absl::Status CheckOneOf(const std::string& path, const std::string& value,
                        const std::array<const char*, size>& names, const YamlPlaces& places) {
  if (value.empty() || std::ranges::count(names, value) > 0) return absl::OkStatus();
  return places.Error(
      path, absl::StrCat("must be one of ", absl::StrJoin(names, ", "), ": \"", value, "\""));
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
  RETURN_IF_ERROR(CheckOneOf(path + ".dtype", one.dtype(), kDtypes, places));
  RETURN_IF_ERROR(CheckOneOf(path + ".executor", one.executor(), kExecutors, places));
  if (!one.device().empty() && !IsDevice(one.device())) {
    return places.Error(path + ".device",
                        absl::StrCat("must be cpu, cuda, cuda:N or another device of libtorch: \"",
                                     one.device(), "\""));
  }
  if (one.executor() == "native" && !one.device().empty() && one.device() != "cpu") {
    return places.Error(path + ".executor", "native runs on the cpu alone");
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
  if (!resources.executor().empty()) {
    flags.insert(flags.end(), {"--executor", resources.executor()});
  }
  if (!resources.device().empty()) flags.insert(flags.end(), {"--device", resources.device()});
  return flags;
}

bool NeedsTorch(const Resources& resources) {
  return resources.executor() == "torch" ||
         (!resources.device().empty() && resources.device() != "cpu");
}

const Resources& ResourcesOf(const ResourcesMap& resources, const std::string& runner) {
  const auto it = resources.find(runner);
  return it == resources.end() ? Resources::default_instance() : it->second;
}

}  // namespace chorus
