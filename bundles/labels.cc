#include "bundles/labels.h"

#include <map>
#include <string>

#include "model_store/labels.h"

namespace chorus {

absl::Status CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                         const YamlPlaces& places) {
  // Sorted, so that the first error is always the same.
  for (const auto& [key, value] :
       std::map<std::string, std::string>(labels.begin(), labels.end())) {
    const absl::Status status = store::CheckLabel(key, value);
    if (!status.ok()) return places.Error("labels." + key, std::string(status.message()));
  }
  return absl::OkStatus();
}

}  // namespace chorus
