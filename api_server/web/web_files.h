#pragma once

// The files of this folder (web page and API reference), and openapi.json.

#include <span>

#include "base/embedded_file.h"

namespace chorus::gateway {

std::span<const EmbeddedFile> WebFiles();

}  // namespace chorus::gateway
