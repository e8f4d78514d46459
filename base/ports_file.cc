#include "base/ports_file.h"

#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {

absl::Status WritePortsFile(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::trunc | std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    return absl::UnavailableError(
        absl::StrCat("cannot write ", temporary.string(), ": is its folder there and writable?"));
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot rename ", temporary.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

std::string WithPort(std::string_view address, int port) {
  const size_t colon = address.rfind(':');
  if (address.starts_with("unix:") || colon == std::string_view::npos) return std::string(address);
  return absl::StrCat(AbslView(address.substr(0, colon)), ":", port);
}

}  // namespace chorus
