#pragma once

// Runs inference graphs, and single models, on the runners.
//
// A run calls the generators whose input is there concurrently, and sends each text to its
// classifier the moment the text has ended. It is strict: the first branch that fails cancels the
// others, and its error, which names the runner, is the run's.
//
// Thread safety: all methods may be called from any thread. Completions run on the runner clients'
// threads, once, never inline and never under a lock.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api_server/graph/graph.h"
#include "api_server/runners/runner_client.h"

namespace chorus {

// What a request may override of a graph's or model's defaults; ranges have been checked.
struct GenerateOverrides {
  std::optional<uint32_t> max_length;
  std::optional<uint32_t> max_new_tokens;
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<uint32_t> top_k;
  std::optional<double> top_p;
  std::optional<uint64_t> seed;  // Unset: a random one.
};

// One scored text of a graph's reply.
struct GraphResult {
  std::string generated;  // Prompt and continuation.
  TextClassification classification;
  std::string runner;  // The generator's.
  FinishReason finish_reason = FinishReason::kStop;
  uint64_t seed = 0;
};

// One generated text.
struct GenerateResult {
  std::string generated;  // Prompt and continuation.
  GenerationEnd end;
  uint64_t seed = 0;
};

class Executor {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

  using Graphs = absl::flat_hash_map<std::string, std::shared_ptr<const Graph>>;
  using Runners = absl::flat_hash_map<std::string, std::shared_ptr<RunnerClient>>;

  // Every runner that a graph names is in `runners` (Graph::Create has checked).
  Executor(Graphs graphs, Runners runners);

  // NOT_FOUND when there is no such graph; it lists those there are. This and the like are
  // returned, and `done` is then never called.
  absl::Status RunGraph(const std::string& graph, std::string text,
                        const GenerateOverrides& overrides, CallContext context,
                        Done<std::vector<GraphResult>> done);

  // One generator. NOT_FOUND when there is no such runner.
  absl::Status Generate(const std::string& runner, std::string text,
                        const GenerateOverrides& overrides, CallContext context,
                        Done<GenerateResult> done);

  // One classifier. NOT_FOUND when there is no such runner.
  absl::Status Classify(const std::string& runner, std::vector<std::string> texts,
                        CallContext context, Done<std::vector<TextClassification>> done);

  // The names of the runners that have no healthy replica, sorted; empty means ready.
  std::vector<std::string> UnhealthyRunners() const;

 private:
  const Graphs graphs_;
  const Runners runners_;
};

}  // namespace chorus
