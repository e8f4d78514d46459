#pragma once

// What a load asks of whom, and how.
//
// Thread safety: values.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/host_port.h"

namespace chorus::bench {

enum class Protocol {
  kHttp,        // A JSON object; the whole reply.
  kSse,         // The same, streamed as server-sent events.
  kGrpc,        // chorus.v1.InferenceService; the whole reply.
  kGrpcStream,  // The same, streamed.
  kOpenAi,      // POST /v1/completions, streamed unless the parameters say "stream": false.
  kOpenAiChat,  // POST /v1/chat/completions, likewise.
};

// By their names on the command line, "http" and so on, in the order above.
inline constexpr std::string_view kProtocols[] = {"http",        "sse",    "grpc",
                                                  "grpc-stream", "openai", "openai-chat"};

inline bool IsGrpc(Protocol protocol) {
  return protocol == Protocol::kGrpc || protocol == Protocol::kGrpcStream;
}
inline bool IsOpenAi(Protocol protocol) {
  return protocol == Protocol::kOpenAi || protocol == Protocol::kOpenAiChat;
}

enum class Subject { kGraph, kGenerator, kClassifier, kEmbedder };

// Whether its calls make texts; else they read one.
inline bool Generates(Subject subject) {
  return subject == Subject::kGraph || subject == Subject::kGenerator;
}

struct Question {
  Protocol protocol = Protocol::kHttp;
  Subject subject = Subject::kGraph;  // Of OpenAI's protocols a generator.
  std::string name = "inference_graph";
  nlohmann::ordered_json parameters = nlohmann::ordered_json::object();  // Of each request.
  std::vector<std::string> headers;                                      // "Name: value".
  absl::Duration timeout = absl::Seconds(60);  // Of a call; told to Chorus.
  std::string ca_file;  // Certificates to trust instead of the system's, PEM; may be empty.
};

// Whether the reply comes in pieces.
bool IsStreamed(const Question& question);

// Where a server is.
struct ServerUrl {
  HostPort host_port;
  std::string path;  // Before that of each request, such as "/v1"; no slash at its end.
  bool is_tls = false;

  // "http://127.0.0.1:3000", "https://api.example/v1", "127.0.0.1:50051"; "grpcs://" is another
  // word for "https://". INVALID_ARGUMENT quotes the text.
  static absl::StatusOr<ServerUrl> Parse(const std::string& text);
};

}  // namespace chorus::bench
