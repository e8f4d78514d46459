#pragma once

// The model that --model names, as its files are at the moment.
//
// Thread safety: a value, and a free function without state.

#include <filesystem>
#include <string>

#include "base/folder_files.h"

namespace chorus::runner {

struct ModelFolder {
  std::filesystem::path directory;
  std::string version;  // In the store; empty if the folder was named itself.
  FolderFiles files;

  bool operator==(const ModelFolder&) const = default;
};

// `model` is a model's folder, links followed; or the folder of its versions in the store, and then
// the latest is meant. What is not there has no files: loading it says what is missing.
ModelFolder LookAtModel(const std::filesystem::path& model);

}  // namespace chorus::runner
