// A query string gives a message that goes through JSON unchanged, or INVALID_ARGUMENT.

#include <string_view>

#include "api_server/transcoding/query_parser.h"
#include "tests/api_server/transcoding/test_bindings.h"
#include "tests/api_server/transcoding/test_service.pb.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  chorus::testing::Everything message;
  const absl::Status status =
      chorus::gateway::ParseQuery(query, chorus::gateway::GetTestBinding("GET /search"), message);
  if (status.ok()) {
    chorus::gateway::CheckRoundTrip(message);
  } else {
    FUZZ_ASSERT(status.code() == absl::StatusCode::kInvalidArgument);
  }
  return 0;
}
