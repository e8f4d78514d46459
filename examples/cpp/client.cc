// A client of Chorus over gRPC, in C++.
//
//   client unary|stream|cancel [ADDRESS] [PROMPT]
//
// ADDRESS is HOST:PORT of the gRPC API (localhost:50051).

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "proto/chorus/v1/inference.grpc.pb.h"

namespace {

using chorus::v1::InferenceService;
using Stub = InferenceService::Stub;

void SetTimeout(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

// Every branch's text with its score.
grpc::Status Unary(Stub& stub, const std::string& prompt) {
  chorus::v1::ClassifyGeneratedTextsRequest request;
  request.set_text(prompt);
  request.set_max_length(40);
  request.set_seed(7);
  request.set_details(true);
  chorus::v1::ClassifyGeneratedTextsResponse response;
  grpc::ClientContext context;
  SetTimeout(context);
  const grpc::Status status = stub.ClassifyGeneratedTexts(&context, request, &response);
  for (const chorus::v1::ScoredText& result : response.results()) {
    std::printf("%s: %s %.3f: %s\n", result.model().c_str(), result.label().c_str(), result.score(),
                result.generated().c_str());
  }
  return status;
}

// Tokens and scores as they come.
grpc::Status Stream(Stub& stub, const std::string& prompt) {
  chorus::v1::ClassifyGeneratedTextsRequest request;
  request.set_text(prompt);
  request.set_max_length(40);
  request.set_seed(7);
  grpc::ClientContext context;
  SetTimeout(context);
  const auto reader = stub.StreamClassifyGeneratedTexts(&context, request);
  chorus::v1::StreamEvent event;
  while (reader->Read(&event)) {
    if (event.has_token()) {
      std::printf("token %s: %s\n", event.token().branch().c_str(), event.token().text().c_str());
    } else if (event.has_score()) {
      std::printf("score %s: %s %.3f\n", event.score().branch().c_str(),
                  event.score().label().c_str(), event.score().score());
    } else if (event.has_done()) {
      std::printf("done: %u tokens\n", event.done().generated_tokens());
    }
  }
  return reader->Finish();
}

// Leaves after the first token: the runners stop within a step.
grpc::Status Cancel(Stub& stub, const std::string& prompt) {
  chorus::v1::ClassifyGeneratedTextsRequest request;
  request.set_text(prompt);
  request.set_max_length(200);
  request.set_ignore_eos(true);
  grpc::ClientContext context;
  SetTimeout(context);
  const auto reader = stub.StreamClassifyGeneratedTexts(&context, request);
  chorus::v1::StreamEvent event;
  if (reader->Read(&event)) {
    std::printf("first token: %s\n", event.token().text().c_str());
    context.TryCancel();
    while (reader->Read(&event)) {
    }
  }
  const grpc::Status status = reader->Finish();
  if (status.error_code() != grpc::StatusCode::CANCELLED) return status;
  std::printf("ended: CANCELLED\n");
  return grpc::Status::OK;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string action = argc > 1 ? argv[1] : "";
  const auto run = action == "unary"    ? Unary
                   : action == "stream" ? Stream
                   : action == "cancel" ? Cancel
                                        : nullptr;
  if (run == nullptr) {
    std::fprintf(stderr, "usage: client unary|stream|cancel [ADDRESS] [PROMPT]\n");
    return 2;
  }
  const std::string address = argc > 2 ? argv[2] : "localhost:50051";
  const std::string prompt = argc > 3 ? argv[3] : "I have an idea!";
  const auto stub =
      InferenceService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  const grpc::Status status = run(*stub, prompt);
  if (status.ok()) return 0;
  std::fprintf(stderr, "client: error %d: %s\n", status.error_code(),
               status.error_message().c_str());
  return 1;
}
