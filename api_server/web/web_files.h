#pragma once

// The files of the web page and of the API reference, as they lie in this folder, and openapi.json.

#include <span>

#include "base/embedded_file.h"

namespace chorus {

std::span<const EmbeddedFile> WebFiles();

}  // namespace chorus
