// Input: HTTP method, target, content type, each on a line, then the body. A request gives a
// message that goes through JSON unchanged, or an error with a 4xx.

#include <memory>
#include <string_view>
#include <vector>

#include "api_server/transcoding/error_json.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/json_to_message.h"
#include "api_server/transcoding/transcoder.h"
#include "proto/chorus/v1/inference.pb.h"
#include "tests/api_server/transcoding/test_service.pb.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/round_trip.h"

namespace chorus::gateway {
namespace {

const Transcoder& GetTranscoder() {
  static const auto& kServices = *new std::vector<const google::protobuf::ServiceDescriptor*>{
      testing::Everything::descriptor()->file()->service(0),
      v1::RunGraphRequest::descriptor()->file()->service(0)};
  static const auto& kTranscoder =
      *new std::unique_ptr<Transcoder>(Transcoder::Create(kServices).value());
  return *kTranscoder;
}

absl::Status Run(std::string_view input) {
  const std::string_view http_method = TakeLine(input);
  const HttpRequestView request = {
      .target = TakeLine(input), .content_type = TakeLine(input), .body = input};
  const auto route = GetTranscoder().Match(http_method, request.target);
  if (!route.ok()) return route.status();
  const auto message = GetTranscoder().TranslateRequest(*route, request);
  if (!message.ok()) return message.status();
  CheckRoundTrip(**message);
  return absl::OkStatus();
}

}  // namespace
}  // namespace chorus::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Status status = chorus::gateway::Run({reinterpret_cast<const char*>(data), size});
  if (!status.ok()) {
    FUZZ_ASSERT(chorus::gateway::HttpStatus(status) >= 400 &&
                chorus::gateway::HttpStatus(status) < 500);
    FUZZ_ASSERT(chorus::gateway::CheckJson(chorus::gateway::ErrorJson(status)).ok());
  }
  return 0;
}
