#pragma once

// Locates Chorus's files: programs beside this one, data in ../share/chorus or, in a build tree, in
// the source tree.
//
// Thread safety: immutable.

#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus {

inline constexpr std::string_view kDemoModels = "models/demo";
inline constexpr std::string_view kDefaultGraph = "examples/graphs/inference_graph.yaml";

class Installation {
 public:
  // Of the running program.
  static absl::StatusOr<Installation> Find();

  // `binaries` holds the programs; `source` is the source tree they were built from.
  Installation(std::filesystem::path binaries, std::filesystem::path source);

  // The path of a program such as "runner_server". NOT_FOUND says where it looked.
  absl::StatusOr<std::filesystem::path> Program(std::string_view name) const;

  // The path of a data file or folder such as kDefaultGraph. NOT_FOUND likewise.
  absl::StatusOr<std::filesystem::path> Data(std::string_view name) const;

 private:
  std::filesystem::path binaries_;
  std::filesystem::path source_;
};

}  // namespace chorus
