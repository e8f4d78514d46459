#pragma once

// The routes of the test service.

#include <string_view>

#include "api_server/transcoding/http_binding.h"

namespace chorus::gateway {

// The route of that name, such as "GET /search". Dies when there is none.
const HttpBinding& GetTestBinding(std::string_view name);

}  // namespace chorus::gateway
