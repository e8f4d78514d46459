#include "cli/socket_directory.h"

#include <cstdlib>
#include <filesystem>

#include "cli/serve_plan.h"

namespace chorus {
namespace {

constexpr char kPrefix[] = "chorus-sockets-";
constexpr char kSampleName[] = "chorus-sockets-01234567";

}  // namespace

absl::StatusOr<ScratchDirectory> CreateSocketDirectory() {
  std::filesystem::path parent = "/tmp";
  const char* chosen = std::getenv("TMPDIR");
  if (chosen != nullptr && FitsSocketPath(std::filesystem::path(chosen) / kSampleName)) {
    parent = chosen;
  }
  ScratchDirectory::SweepStale(parent, kPrefix);
  return ScratchDirectory::Create(parent, kPrefix);
}

}  // namespace chorus
