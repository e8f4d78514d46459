#pragma once

// Checks the texts of requests. INVALID_ARGUMENT names field and value.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

// That `text` is UTF-8.
absl::Status CheckText(const std::string& field, std::string_view text);

absl::Status CheckClassify(const v1::ClassifyRequest& request);
absl::Status CheckEmbed(const v1::EmbedRequest& request);

}  // namespace chorus::gateway
