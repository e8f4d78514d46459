#include "tests/fuzz/round_trip.h"

#include <google/protobuf/util/message_differencer.h>

#include <memory>
#include <string>

#include "api_server/transcoding/json_to_message.h"
#include "api_server/transcoding/message_to_json.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::gateway {

void CheckRoundTrip(const google::protobuf::Message& message) {
  std::string json;
  AppendMessageJson(message, json);
  const std::unique_ptr<google::protobuf::Message> again(message.New());
  const absl::Status status = JsonToMessage(json, *again);
  if (!status.ok()) {  // Escapes have room for a deeper message than JSON may be.
    FUZZ_ASSERT(status.message().find("nested deeper") != absl::string_view::npos);
    return;
  }
  FUZZ_ASSERT(google::protobuf::util::MessageDifferencer::Equals(message, *again));
}

}  // namespace chorus::gateway
