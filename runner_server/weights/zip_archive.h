#pragma once

// The entries of a ZIP archive in memory, as views: for archives that store them uncompressed, as
// torch.save does. Format: PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.5.3 (Zip64). Untrusted.
//
// Thread safety: a free function without state.

#include <map>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus::runner {

// By name, the bytes of each entry. Names and bytes are views of `bytes`, the whole archive.
// DATA_LOSS if the archive has no end; INVALID_ARGUMENT says what else is wrong: a broken
// structure, a name that is there twice, an entry that is compressed or encrypted.
absl::StatusOr<std::map<std::string_view, std::string_view>> ReadZipArchive(std::string_view bytes);

}  // namespace chorus::runner
