#include "tests/fuzz/round_trip.h"

#include <google/protobuf/util/message_differencer.h>

#include <memory>
#include <string>

#include "api_server/transcoding/json_parser.h"
#include "api_server/transcoding/json_to_message.h"
#include "api_server/transcoding/message_to_json.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus {

void CheckRoundTrip(const google::protobuf::Message& message) {
  std::string json;
  FUZZ_ASSERT(AppendMessageJson(message, json).ok());
  const auto document = ParseJson(json);
  if (!document.ok()) {  // Escapes have room for a deeper message than JSON may be.
    FUZZ_ASSERT(document.status().message().find("nest at most") != absl::string_view::npos);
    return;
  }
  const std::unique_ptr<google::protobuf::Message> again(message.New());
  FUZZ_ASSERT(JsonToMessage(document->root(), "the body", *again).ok());
  FUZZ_ASSERT(google::protobuf::util::MessageDifferencer::Equals(message, *again));
}

}  // namespace chorus
