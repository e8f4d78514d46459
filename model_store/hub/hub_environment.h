#pragma once

// Settings from the environment variables of the Hugging Face client and of curl.
//
// Thread safety: as std::getenv.

#include <string>

#include "absl/status/statusor.h"

namespace chorus::store {

inline constexpr char kDefaultHubEndpoint[] = "https://huggingface.co";

// HF_ENDPOINT, else the default.
std::string HubEndpoint();

// HF_TOKEN; else the content of the file HF_TOKEN_PATH, which must exist; else of $HF_HOME/token or
// ~/.cache/huggingface/token. Empty without a token.
absl::StatusOr<std::string> ReadHubToken();

// A file of certificates to trust instead of the system's: CURL_CA_BUNDLE, else SSL_CERT_FILE, else
// empty.
std::string CertificatesFile();

}  // namespace chorus::store
