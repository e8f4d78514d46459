// Input: a tokenizer.json. What loads encodes any text: its ids are in the vocabulary, its spans in
// the text, and what they decode to is UTF-8.

#include <string>
#include <string_view>
#include <vector>

#include "base/model_file.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/build_tokenizer.h"
#include "runner_server/tokenizer/tokenizer_json.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tokenizer_check.h"

namespace chorus {
namespace {

void Check(std::string_view bytes) {
  auto root = ParseModelJson(bytes);
  if (!root.ok() || !root->is_object()) return;
  auto spec = runner::TokenizerSpecFromJson(*std::move(root), "tokenizer.json");
  if (!spec.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(spec.status()));
    return;
  }
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
