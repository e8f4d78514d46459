// Input: a tar archive, gzipped or not. Whatever is in it, only names below the folder are visited,
// each once, and never more bytes than the limits allow. Checksums of headers are put right first,
// so that mutations get behind them.

#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

#include "bundles/archive.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kChecksum = 148;  // Where its 8 bytes are in a header.
constexpr size_t kMagic = 257;

void FixChecksums(std::string& tar) {
  for (size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    if (std::memcmp(tar.data() + at + kMagic, "ustar", 5) != 0) continue;
    std::memset(tar.data() + at + kChecksum, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    std::snprintf(tar.data() + at + kChecksum, 8, "%06o", sum);
  }
}

void Check(std::string_view bytes) {
  constexpr ArchiveLimits kLimits{.max_files = 3, .max_file_bytes = 2000, .max_total_bytes = 3000};
  std::set<std::string> names;
  std::string current;
  int64_t file_bytes = 0;
  int64_t total_bytes = 0;
  const auto visit = [&](const std::string& name, std::string_view piece) {
    if (piece.empty()) {
      FUZZ_ASSERT(names.insert(name).second);
      current = name;
      file_bytes = 0;
    }
    FUZZ_ASSERT(name == current);
    FUZZ_ASSERT(!name.empty() && name[0] != '/' &&
                ("/" + name + "/").find("/../") == std::string::npos);
    file_bytes += static_cast<int64_t>(piece.size());
    total_bytes += static_cast<int64_t>(piece.size());
    FUZZ_ASSERT(file_bytes <= kLimits.max_file_bytes && total_bytes <= kLimits.max_total_bytes);
    return absl::OkStatus();
  };
  const absl::Status status = ReadArchive(bytes, kLimits, visit);
  FUZZ_ASSERT(static_cast<int64_t>(names.size()) <= kLimits.max_files);
  FUZZ_ASSERT(status.ok() || absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status));
}

}  // namespace
}  // namespace chorus

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  chorus::Check(bytes);
  chorus::FixChecksums(bytes);
  chorus::Check(bytes);
  return 0;
}
