#pragma once

// `chorus containerize`: images of a bundle, by `docker build`.

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "cli/container_plan.h"

namespace chorus {

struct ContainerizeOptions {
  std::string bundle;            // Tag.
  ContainerSettings settings;    // `context` is chosen here.
  std::filesystem::path source;  // A checkout to build runtime images from that are not there.
  bool push = false;
  bool dry_run = false;  // Prints what would be done.
};

// NOT_FOUND when docker is not installed, UNAVAILABLE when its engine does not answer,
// FAILED_PRECONDITION when a runtime image is not there.
absl::Status Containerize(const ContainerizeOptions& options);

}  // namespace chorus
