#include "runner_server/weights/zip_archive.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {
namespace {

constexpr uint16_t kMax16 = 0xFFFF;
constexpr uint32_t kMax32 = 0xFFFFFFFF;

// Sizes of the records without what varies.
constexpr size_t kLocalSize = 30;
constexpr size_t kCentralSize = 46;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64Size = 56;
constexpr size_t kLocator64Size = 20;

absl::Status Broken(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a sound ZIP archive: ", AbslView(what)));
}

// A little-endian number of `size` bytes at `at`, which must lie in `bytes`.
uint64_t Number(std::string_view bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// `size` bytes at `at`; nothing unless they lie in `bytes`.
std::optional<std::string_view> Piece(std::string_view bytes, uint64_t at, uint64_t size) {
  if (at > bytes.size() || size > bytes.size() - at) return std::nullopt;
  return bytes.substr(at, size);
}

// The record of `size` bytes at `at`, if it begins with `signature`.
std::optional<std::string_view> Record(std::string_view bytes, uint64_t at, uint64_t size,
                                       std::string_view signature) {
  const std::optional<std::string_view> piece = Piece(bytes, at, size);
  return piece && piece->starts_with(signature) ? piece : std::nullopt;
}

struct Directory {
  uint64_t num_entries = 0;
  std::string_view bytes;
};

// Finds the central directory by the records at the archive's end.
absl::StatusOr<Directory> FindDirectory(std::string_view bytes) {
  // A comment of up to 64 KiB may follow the end record.
  size_t at = bytes.rfind("PK\x05\x06");
  while (
      at != std::string_view::npos &&
      (bytes.size() - at < kEndSize || Number(bytes, at + 20, 2) != bytes.size() - at - kEndSize)) {
    at = at == 0 || bytes.size() - at > kEndSize + kMax16 ? std::string_view::npos
                                                          : bytes.rfind("PK\x05\x06", at - 1);
  }
  if (at == std::string_view::npos) {
    return absl::DataLossError(
        "not a sound ZIP archive: it has no end: the file is cut short; fetch it again");
  }
  uint64_t num_entries = Number(bytes, at + 10, 2);
  uint64_t size = Number(bytes, at + 12, 4);
  uint64_t begin = Number(bytes, at + 16, 4);
  // Zip64 has the numbers again, wider, before the end: where to find them is said right before it.
  if (at >= kLocator64Size) {
    if (const auto locator = Record(bytes, at - kLocator64Size, kLocator64Size, "PK\x06\x07")) {
      const auto end64 = Record(bytes, Number(*locator, 8, 8), kEnd64Size, "PK\x06\x06");
      if (!end64) return Broken("its Zip64 end is not where it should be");
      num_entries = Number(*end64, 32, 8);
      size = Number(*end64, 40, 8);
      begin = Number(*end64, 48, 8);
    }
  }
  const std::optional<std::string_view> directory = Piece(bytes, begin, size);
  if (!directory || size / kCentralSize < num_entries) return Broken("its directory is cut short");
  return Directory{num_entries, *directory};
}

// What a central directory says of an entry.
struct Entry {
  std::string_view name;
  uint64_t size = 0;
  uint64_t begin = 0;  // Of its local header.
};

// Replaces by those of the Zip64 field in `extra` the numbers that do not fit 32 bits, which are in
// this order there.
bool Widen(std::string_view extra, uint64_t& size, uint64_t& packed_size, uint64_t& begin) {
  if (size != kMax32 && packed_size != kMax32 && begin != kMax32) return true;
  while (extra.size() >= 4) {
    const uint64_t id = Number(extra, 0, 2);
    const std::optional<std::string_view> field = Piece(extra, 4, Number(extra, 2, 2));
    if (!field) return false;
    if (id == 1) {
      std::string_view rest = *field;
      for (uint64_t* number : {&size, &packed_size, &begin}) {
        if (*number != kMax32) continue;
        if (rest.size() < 8) return false;
        *number = Number(rest, 0, 8);
        rest.remove_prefix(8);
      }
      return true;
    }
    extra.remove_prefix(4 + field->size());
  }
  return false;
}

// Takes the next entry off the directory.
absl::StatusOr<Entry> TakeEntry(std::string_view& directory) {
  const auto head = Record(directory, 0, kCentralSize, "PK\x01\x02");
  if (!head) return Broken("its directory has no entry where one should be");
  const uint64_t name_size = Number(*head, 28, 2);
  const uint64_t extra_size = Number(*head, 30, 2);
  const uint64_t total = kCentralSize + name_size + extra_size + Number(*head, 32, 2);
  if (total > directory.size()) return Broken("its directory is cut short");
  Entry entry{.name = directory.substr(kCentralSize, name_size),
              .size = Number(*head, 24, 4),
              .begin = Number(*head, 42, 4)};
  uint64_t packed_size = Number(*head, 20, 4);
  const std::string_view extra = directory.substr(kCentralSize + name_size, extra_size);
  const std::string name = ShownName(entry.name);
  if (!Widen(extra, entry.size, packed_size, entry.begin)) {
    return Broken(absl::StrCat("no sizes of ", name));
  }
  if ((Number(*head, 8, 2) & 1) != 0) return Broken(absl::StrCat(name, " is encrypted"));
  if (Number(*head, 10, 2) != 0 || packed_size != entry.size) {
    return Broken(absl::StrCat(name, " is compressed, which torch.save never does"));
  }
  directory.remove_prefix(total);
  return entry;
}

absl::StatusOr<std::string_view> BytesOf(std::string_view bytes, const Entry& entry) {
  const auto head = Record(bytes, entry.begin, kLocalSize, "PK\x03\x04");
  const std::string name = ShownName(entry.name);
  if (!head) return Broken(absl::StrCat(name, " is not where it should be"));
  const uint64_t name_size = Number(*head, 26, 2);
  const uint64_t data_begin = entry.begin + kLocalSize + name_size + Number(*head, 28, 2);
  if (Piece(bytes, entry.begin + kLocalSize, name_size) != entry.name) {
    return Broken(absl::StrCat(name, " has another name where it lies"));
  }
  const std::optional<std::string_view> data = Piece(bytes, data_begin, entry.size);
  if (!data) return Broken(absl::StrCat(name, " is cut short"));
  return *data;
}

}  // namespace

absl::StatusOr<std::map<std::string_view, std::string_view>> ReadZipArchive(
    std::string_view bytes) {
  ASSIGN_OR_RETURN(Directory directory, FindDirectory(bytes));
  std::map<std::string_view, std::string_view> entries;
  for (uint64_t i = 0; i < directory.num_entries; ++i) {
    ASSIGN_OR_RETURN(const Entry entry, TakeEntry(directory.bytes));
    ASSIGN_OR_RETURN(const std::string_view data, BytesOf(bytes, entry));
    if (!entries.emplace(entry.name, data).second) {
      return Broken(absl::StrCat(ShownName(entry.name), " is there twice"));
    }
  }
  return entries;
}

}  // namespace chorus::runner
