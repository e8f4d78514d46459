#pragma once

// base.json and examples.json of this folder, and inference.binpb, the descriptors of
// proto/chorus/v1/inference.proto with their comments.

#include <span>

#include "base/embedded_file.h"

namespace chorus {

std::span<const EmbeddedFile> OpenApiFiles();

}  // namespace chorus
