#include "model_store/hub/hub_environment.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace chorus::store {
namespace {

constexpr int64_t kMaxTokenFileBytes = 16 << 10;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : std::string(absl::StripAsciiWhitespace(value));
}

absl::StatusOr<std::string> ReadTokenFile(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxTokenFileBytes));
  return std::string(absl::StripAsciiWhitespace(text));
}

std::filesystem::path DefaultTokenPath() {
  if (const std::string home = Variable("HF_HOME"); !home.empty()) {
    return std::filesystem::path(home) / "token";
  }
  const std::string home = Variable("HOME");
  return home.empty() ? "" : std::filesystem::path(home) / ".cache/huggingface/token";
}

}  // namespace

std::string HubEndpoint() {
  const std::string endpoint = Variable("HF_ENDPOINT");
  return endpoint.empty() ? kDefaultHubEndpoint : endpoint;
}

absl::StatusOr<std::string> ReadHubToken() {
  if (std::string token = Variable("HF_TOKEN"); !token.empty()) return token;
  if (const std::string path = Variable("HF_TOKEN_PATH"); !path.empty()) {
    absl::StatusOr<std::string> token = ReadTokenFile(path);
    if (token.ok()) return token;
    return absl::Status(token.status().code(),
                        absl::StrCat("the file of HF_TOKEN_PATH: ", token.status().message()));
  }
  const std::filesystem::path path = DefaultTokenPath();
  if (path.empty()) return "";
  absl::StatusOr<std::string> token = ReadTokenFile(path);
  if (absl::IsNotFound(token.status())) return "";
  return token;
}

std::string CertificatesFile() {
  std::string file = Variable("CURL_CA_BUNDLE");
  return file.empty() ? Variable("SSL_CERT_FILE") : file;
}

}  // namespace chorus::store
