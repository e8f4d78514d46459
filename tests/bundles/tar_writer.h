#pragma once

// Tar archives of any kind, also of those that nobody should make.

#include <archive.h>
#include <archive_entry.h>

#include <string>
#include <vector>

namespace chorus {

struct TarEntry {
  std::string name;
  std::string contents;
  int type = AE_IFREG;
  std::string link = "";      // Of a symbolic link.
  std::string hardlink = "";  // If not empty: a hard link.
};

inline std::string MakeTar(const std::vector<TarEntry>& entries, bool gzip = true) {
  std::string bytes(1 << 20, '\0');
  size_t used = 0;
  archive* a = archive_write_new();
  archive_write_set_format_pax_restricted(a);
  if (gzip) archive_write_add_filter_gzip(a);
  archive_write_set_bytes_per_block(a, 512);
  archive_write_open_memory(a, bytes.data(), bytes.size(), &used);
  for (const TarEntry& each : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, each.name.c_str());
    archive_entry_set_filetype(entry, each.type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<int64_t>(each.contents.size()));
    if (!each.link.empty()) archive_entry_set_symlink(entry, each.link.c_str());
    if (!each.hardlink.empty()) archive_entry_set_hardlink(entry, each.hardlink.c_str());
    archive_write_header(a, entry);
    archive_write_data(a, each.contents.data(), each.contents.size());
    archive_entry_free(entry);
  }
  archive_write_close(a);
  archive_write_free(a);
  bytes.resize(used);
  return bytes;
}

}  // namespace chorus
