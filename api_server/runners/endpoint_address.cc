#include "api_server/runners/endpoint_address.h"

#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {

absl::Status CheckEndpointAddress(const std::string& endpoint) {
  const std::string_view text = endpoint;
  if (text.starts_with("unix:/")) return absl::OkStatus();
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon == text.npos || colon == 0 || text.find('/') != text.npos ||
      !absl::SimpleAtoi(AbslView(text.substr(colon + 1)), &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint must be host:port, with a port from 1 to 65535, or unix:/path: \"",
                     endpoint, "\""));
  }
  return absl::OkStatus();
}

}  // namespace chorus
