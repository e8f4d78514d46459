// TEI's requests give calls that are whole, or INVALID_ARGUMENT.

#include <string_view>

#include "api_server/protocols/tei/tei_request.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chorus;  // NOLINT: a program.
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto predict = gateway::ParsePredictRequest(body);
  if (predict.ok()) {
    const int num_texts = predict->classify.texts_size();
    const int num_pairs = predict->classify.text_pairs_size();
    FUZZ_ASSERT(num_texts >= 1 && num_texts <= static_cast<int>(gateway::kMostInputs));
    FUZZ_ASSERT(num_pairs == 0 || num_pairs == num_texts);
    FUZZ_ASSERT(predict->is_batch || num_texts == 1);
    FUZZ_ASSERT(!predict->top_k || *predict->top_k >= 1);
  } else {
    FUZZ_ASSERT(absl::IsInvalidArgument(predict.status()));
  }
  const auto embed = gateway::ParseEmbedRequest(body);
  FUZZ_ASSERT(embed.ok() ? embed->texts_size() >= 1 : absl::IsInvalidArgument(embed.status()));
  return 0;
}
