// Input: one character that says whose model it is, then a SentencePiece model file. What loads
// encodes any text, as in tokenizer_json_fuzz.cc.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "runner_server/tokenizer/build_tokenizer.h"
#include "runner_server/tokenizer/sentence_piece.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tokenizer_check.h"

namespace chorus {
namespace {

constexpr std::array<std::string_view, 7> kClasses = {"Llama",     "XLMRoberta", "T5", "Albert",
                                                      "DebertaV2", "Gemma",      ""};

void Check(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto& tokenizer_class = runner::FindTokenizerClass(
      kClasses[static_cast<uint8_t>(bytes[0]) % kClasses.size()], /*model_type=*/"");
  runner::TokenizerConfig config;
  config.extra_ids = 2;
  runner::SetDefaultSpecialTokens(tokenizer_class, config);
  auto spec =
      runner::SentencePieceSpec(bytes.substr(1), "tokenizer.model", tokenizer_class, config);
  if (!spec.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(spec.status()));
    return;
  }
  runner::FrameAsAsked(tokenizer_class, config, *spec);
  const auto tokenizer = runner::BuildTokenizer(*std::move(spec), {});
  FUZZ_ASSERT(tokenizer.ok() || absl::IsInvalidArgument(tokenizer.status()));
  if (tokenizer.ok()) CheckTokenizer(**tokenizer);
}

}  // namespace
}  // namespace chorus

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chorus::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
