#pragma once

// A method's output message into the body of the HTTP reply, as message_to_json.h writes it.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"
#include "api_server/transcoding/http_binding.h"

namespace chorus {

// The message's JSON, or with `response_body` that of the one field, such as a bare array ("[]"
// when it is empty). `message` is of the binding's output type. INTERNAL when it has no JSON form.
absl::StatusOr<std::string> TranslateResponse(const HttpBinding& binding,
                                              const google::protobuf::Message& message);

}  // namespace chorus
