#include "api_server/transcoding/response_translator.h"

#include "api_server/transcoding/message_to_json.h"
#include "base/status_macros.h"

namespace chorus {

absl::StatusOr<std::string> TranslateResponse(const HttpBinding& binding,
                                              const google::protobuf::Message& message) {
  std::string json;
  if (binding.response_field != nullptr) {
    RETURN_IF_ERROR(AppendFieldJson(*binding.response_field, message, json));
  } else {
    RETURN_IF_ERROR(AppendMessageJson(message, json));
  }
  return json;
}

}  // namespace chorus
