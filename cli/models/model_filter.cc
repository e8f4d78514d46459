#include "cli/models/model_filter.h"

#include <fnmatch.h>

#include <algorithm>

namespace chorus {
namespace {

bool MatchesPattern(const std::string& pattern, const std::string& text) {
  return pattern.empty() || ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

bool HasLabel(const store::Manifest& model, const std::string& label) {
  const size_t equals = label.find('=');
  const auto it = model.labels.find(label.substr(0, equals));
  if (it == model.labels.end()) return false;
  return equals == std::string::npos || it->second == label.substr(equals + 1);
}

}  // namespace

bool Matches(const ModelFilter& filter, const store::Manifest& model) {
  const bool is_of_tag = filter.name.find(':') != std::string::npos;
  return MatchesPattern(filter.name, is_of_tag ? model.tag.ToString() : model.tag.name) &&
         (filter.task.empty() || filter.task == model.task) &&
         MatchesPattern(filter.architecture, model.architecture) &&
         std::ranges::all_of(filter.labels,
                             [&](const std::string& label) { return HasLabel(model, label); });
}

}  // namespace chorus
