// Encodes strings with the tokenizer of a folder, for tokenizer_parity.py, which compares the
// result with Hugging Face's.
//
//   encode_strings FOLDER STRINGS OUT
//
// STRINGS is a JSON list of strings, or of lists of two for pairs. OUT gets one JSON object a line:
// "ids" and "types" with the frame; of a single string also "spans" [id, begin, end], in bytes,
// without it, "split", its ids with special tokens as characters, "decoded", the ids without the
// frame in words, and "streamed", the same token by token. Times go to standard output.

#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/load_tokenizer.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string Streamed(const TokenBytes& bytes, const std::vector<int32_t>& ids) {
  Detokenizer detokenizer(bytes);
  std::string text;
  for (const int32_t id : ids) text += detokenizer.Append(id);
  return text + detokenizer.Finish();
}

json Encoded(const Tokenizer& tokenizer, const json& entry) {
  json line;
  const bool is_pair = entry.is_array();
  const auto text = (is_pair ? entry[0] : entry).get<std::string>();
  std::optional<std::string> second;
  if (is_pair) second = entry[1].get<std::string>();
  const Encoding encoding = tokenizer.EncodeInput(text, second, false, SIZE_MAX).value();
  line["ids"] = encoding.ids;
  line["types"] = encoding.type_ids;
  if (is_pair) return line;
  json& spans = line["spans"] = json::array();
  std::vector<int32_t> ids;
  const auto encoded = tokenizer.EncodeWithSpans(text, false).value();
  for (const TokenSpan& span : encoded) {
    spans.push_back({span.id, span.begin, span.end});
    ids.push_back(span.id);
  }
  line["split"] = tokenizer.Encode(text, /*split_special_tokens=*/true).value();
  line["decoded"] = tokenizer.Decode(ids).value();
  if (tokenizer.bytes() != nullptr) line["streamed"] = Streamed(*tokenizer.bytes(), ids);
  return line;
}

int Main(const char* folder, const char* strings_path, const char* out_path) {
  Clock::time_point start = Clock::now();
  const auto tokenizer = LoadTokenizer(folder);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.status().ToString().c_str());
    return 1;
  }
  const double load_seconds = SecondsSince(start);
  std::ifstream file(strings_path);
  const json strings = json::parse(file);
  start = Clock::now();
  size_t num_bytes = 0;
  size_t num_tokens = 0;
  for (const json& entry : strings) {
    if (!entry.is_string()) continue;
    const auto& text = entry.get_ref<const std::string&>();
    num_bytes += text.size();
    num_tokens += (*tokenizer)->Encode(text, false).value().size();
  }
  std::printf("{\"load_s\": %.3f, \"encode_s\": %.3f, \"bytes\": %zu, \"tokens\": %zu}\n",
              load_seconds, SecondsSince(start), num_bytes, num_tokens);
  std::ofstream out(out_path);
  for (const json& entry : strings) out << Encoded(**tokenizer, entry).dump() << '\n';
  out.close();
  return out ? 0 : 1;
}

}  // namespace
}  // namespace chorus::runner

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s FOLDER STRINGS OUT\n", argv[0]);
    return 2;
  }
  return chorus::runner::Main(argv[1], argv[2], argv[3]);
}
