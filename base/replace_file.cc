#include "base/replace_file.h"

#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace chorus {

absl::Status ReplaceFile(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::trunc | std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    return absl::UnavailableError(absl::StrCat("cannot write ", temporary.string(),
                                               ": is its folder there and writable, and the disk "
                                               "not full?"));
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot rename ", temporary.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

}  // namespace chorus
