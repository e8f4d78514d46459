#pragma once

// A file that became part of the program when it was built; see cc_embed in cmake/Embed.cmake.

#include <string_view>

namespace chorus {

struct EmbeddedFile {
  std::string_view name;     // Without its folder.
  std::string_view content;  // Byte for byte.
};

}  // namespace chorus
