#pragma once

// Opens a file of tensors as a checkpoint.

#include <filesystem>

#include "runner_server/weights/checkpoint.h"

namespace chorus::runner {

inline Checkpoint OpenCheckpoint(const std::filesystem::path& path) {
  return Checkpoint::Open({.path = path, .files = {path}}).value();
}

}  // namespace chorus::runner
