// Runs a model over token ids for parity.py. Reads a JSON object from standard input,
//
//   {"model": FOLDER, "dtype": "float32", "prompts": [[1, 2], ...], "new_tokens": 16}
//
// and writes one: "logits" after each prompt, or an embedder's vectors, alone; whether those of one
// "batch" and of prompts "split" over passes are the same to the bit, and those of the batch,
// "batched"; of a generator also those of prompts in passes of 7 tokens, "chunked", of prompts
// whose first half was "copied" from another slot, and the greedy "texts", new_tokens each. A
// compiled model (compiled.py, compiled_generators.py) comes with the hash of its "native_code",
// and needs no dtype.

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/model/compiled_model.h"
#include "runner_server/model/dtype.h"
#include "runner_server/model/find_executor.h"
#include "runner_server/model/load_model.h"
#include "tests/parity/token_runs.h"

namespace chorus::runner {
namespace {

nlohmann::json Run(LanguageModel& model, const std::vector<Ids>& prompts, size_t new_tokens) {
  std::vector<Logits> whole, chunked, copied;
  bool same = true;
  for (const Ids& ids : prompts) {
    whole.push_back(LogitsAfter(model, ids, static_cast<int>(ids.size())));
    chunked.push_back(LogitsAfter(model, ids, 7));
    copied.push_back(LogitsAfterCopy(model, ids));
    same = same && chunked.back() == whole.back() && LogitsAfter(model, ids, 1) == whole.back();
  }
  const std::vector<Logits> batched = LogitsOfBatch(model, prompts);
  return {
      {"logits", whole},
      {"batched", batched},
      {"batch", batched == whole},
      {"chunked", chunked},
      {"split", same},
      {"copied", copied},
      {"texts", ContinueGreedily(model, prompts, std::vector<size_t>(prompts.size(), new_tokens))}};
}

nlohmann::json Run(SequenceEncoder& model, const std::vector<Ids>& prompts) {
  const auto logits_of = [&](std::span<const Ids> texts) {
    const std::vector<SequenceEncoder::Row> rows(texts.begin(), texts.end());
    const std::span<const float> values = model.Forward(rows);
    return Logits(values.begin(), values.end());
  };
  std::vector<Logits> whole, batched;
  for (const Ids& ids : prompts) whole.push_back(logits_of({&ids, 1}));
  const Logits together = logits_of(prompts);
  for (auto row = together.begin(); row != together.end(); row += model.num_values()) {
    batched.emplace_back(row, row + model.num_values());
  }
  return {{"logits", whole}, {"batched", batched}, {"batch", batched == whole}};
}

absl::Status Answer(const nlohmann::json& request) {
  const std::vector<Ids> prompts = request.at("prompts");
  const std::string folder = request.at("model");
  ModelOptions options = {.num_threads = 2,
                          .num_kv_slots = static_cast<int>(prompts.size()),
                          .native_code = request.value("native_code", "")};
  ASSIGN_OR_RETURN(const std::optional<CompiledModel> compiled, ReadCompiledModel(folder));
  if (compiled.has_value()) {
    ASSIGN_OR_RETURN(options.executor, FindExecutor("torch", options.device));
    options.precision = compiled->precision;
  } else {
    ASSIGN_OR_RETURN(options.precision, ParseDtype(request.at("dtype").get<std::string>()));
  }
  ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(folder, options));
  nlohmann::json answer;
  if (auto* generator = std::get_if<std::unique_ptr<LanguageModel>>(&loaded.model)) {
    answer = Run(**generator, prompts, request.at("new_tokens"));
  } else {
    answer = Run(*std::get<std::unique_ptr<SequenceEncoder>>(loaded.model), prompts);
  }
  std::cout << answer << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace chorus::runner

int main() {
  const absl::Status status = chorus::runner::Answer(nlohmann::json::parse(std::cin));
  if (!status.ok()) std::cerr << status << std::endl;
  return status.ok() ? 0 : 1;
}
