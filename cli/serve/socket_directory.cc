#include "cli/serve/socket_directory.h"

#include <cstdlib>
#include <filesystem>

#include "cli/serve/serve_plan.h"

namespace chorus {
namespace {

constexpr char kPrefix[] = "chorus-sockets-";
constexpr char kSampleName[] = "chorus-sockets-01234567-01234567-4194304-12345678901";

}  // namespace

absl::StatusOr<store::ScratchDirectory> CreateSocketDirectory() {
  std::filesystem::path parent = "/tmp";
  const char* chosen = std::getenv("TMPDIR");
  if (chosen != nullptr && FitsSocketPath(std::filesystem::path(chosen) / kSampleName)) {
    parent = chosen;
  }
  // Sockets do not change while they serve: those of another container are never taken for left.
  for (const std::filesystem::path& place : {parent, std::filesystem::path("/tmp")}) {
    store::ScratchDirectory::SweepStale(place, kPrefix, absl::InfiniteDuration());
  }
  return store::ScratchDirectory::Create(parent, kPrefix);
}

}  // namespace chorus
