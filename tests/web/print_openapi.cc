// Writes the gateway's OpenAPI document to standard output, for the linter and for the stand-in.

#include <iostream>

#include "api_server/openapi/inference_document.h"

int main() {
  const absl::StatusOr<std::string> document = chorus::InferenceDocument("0.0.0-test");
  if (!document.ok()) {
    std::cerr << document.status() << "\n";
    return 1;
  }
  std::cout << *document << "\n";
  return 0;
}
