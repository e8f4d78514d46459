#pragma once

#include <map>
#include <string>

#include "model_store/model_store.h"

namespace chorus::store {

// Replaces the labels of a version.
inline absl::StatusOr<Manifest> SetLabels(ModelStore& store, const Tag& tag,
                                          const std::map<std::string, std::string>& labels) {
  return store.Annotate(tag, [&](Manifest& said) {
    said.labels = labels;
    return absl::OkStatus();
  });
}

}  // namespace chorus::store
