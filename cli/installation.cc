#include "cli/installation.h"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {

absl::StatusOr<Installation> Installation::Find() {
  std::error_code error;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot read /proc/self/exe");
  return Installation(executable.parent_path(), CHORUS_SOURCE_DIRECTORY);
}

Installation::Installation(std::filesystem::path binaries, std::filesystem::path source)
    : binaries_(std::move(binaries)), source_(std::move(source)) {}

absl::StatusOr<std::filesystem::path> Installation::Program(std::string_view name) const {
  std::filesystem::path path = binaries_ / name;
  if (::access(path.c_str(), X_OK) == 0) return path;
  return absl::NotFoundError(absl::StrCat("the program ", AbslView(name),
                                          " must lie beside chorus, in ", binaries_.native(),
                                          "; build or install it there"));
}

absl::StatusOr<std::filesystem::path> Installation::Data(std::string_view name) const {
  const std::filesystem::path installed = binaries_.parent_path() / "share/chorus" / name;
  std::error_code ignored;
  if (std::filesystem::exists(installed, ignored)) return installed;
  if (std::filesystem::exists(source_ / name, ignored)) return source_ / name;
  return absl::NotFoundError(absl::StrCat(installed.native(), " is missing, and there is no ",
                                          (source_ / name).native(), " either"));
}

}  // namespace chorus
