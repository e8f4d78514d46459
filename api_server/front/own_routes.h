#pragma once

// The paths that HttpRouter answers itself, without an RPC.

#include <functional>
#include <map>
#include <string>

#include "api_server/front/http_message.h"

namespace chorus {

// Makes the reply to GET; HEAD's is the same. Called from all I/O threads at once; must not block.
using OwnReply = std::function<HttpReply(const HttpRequest& request)>;

// By path, such as "/livez".
using OwnRoutes = std::map<std::string, OwnReply, std::less<>>;

// A file that is served as it stands, with a strong ETag: a client that names it in If-None-Match
// gets 304. The browser is told to ask each time, to take the type at its word, and to load nothing
// from anywhere else.
OwnReply StaticReply(std::string content_type, std::string body);

}  // namespace chorus
