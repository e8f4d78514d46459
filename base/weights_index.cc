#include "base/weights_index.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/model_file.h"
#include "base/names.h"
#include "base/quote.h"
#include "base/status_macros.h"

namespace chorus {

absl::StatusOr<WeightsIndex> ReadWeightsIndex(const std::filesystem::path& path) {
  const auto bad = [&path](const auto&... what) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", what...));
  };
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(path));
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object() || map->empty()) {
    return bad("weight_map must give each tensor the file that holds it");
  }
  // "model.safetensors.index.json" -> ".safetensors"
  const std::string end = path.stem().stem().extension().string();
  WeightsIndex index;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string() || !IsFileName(file.get_ref<const std::string&>()) ||
        !file.get_ref<const std::string&>().ends_with(end)) {
      return bad("the file of ", QuoteForMessage(absl::Utf8SafeCEscape(tensor)),
                 " must be one in this folder, ", kFileNameRule, ", that ends with ", end, ": ",
                 ShownJson(file));
    }
    index.emplace(tensor, file.get<std::string>());
  }
  return index;
}

}  // namespace chorus
