#pragma once

// What a node does, such as generate. A kind of node is an Operation in a file of its own, a
// message in chorus.config.v1.Node, and a line in the table of operation.cc.
//
// Thread safety: immutable; Start() may be called from any thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api_server/graph/runner_client.h"
#include "proto/chorus/config/v1/graph.pb.h"

namespace chorus::gateway {

// The parameters of a run.
struct RunRequest {
  std::string text;
  google::protobuf::RepeatedField<int32_t> prompt_ids;  // In place of `text`. Of Generate alone.
  v1::GenerationParams params;  // In range. Override the graph's; an unset seed is drawn.
  bool partial = false;         // A failed text does not fail the others.
  bool truncate = true;         // False: INVALID_ARGUMENT if the classifier would truncate a text.
};

// A text of a run.
struct GraphResult {
  absl::Status status;      // If not OK, the rest is unset. Only with `partial`.
  std::string generated;    // Prompt and continuation.
  size_t prompt_bytes = 0;  // Of `generated`, the prompt's.
  google::protobuf::RepeatedPtrField<v1::TokenLogprob> logprobs, prompt_logprobs;
  v1::GenerationEnd end;
  std::string runner;  // That wrote it.
  uint64_t seed = 0;
  runner::v1::ClassifyResponse classification;  // One result; none if it is not scored.
  absl::Time ended_at;                          // When its last token came;
  absl::Duration classify_time;                 // then until it was scored.
};

// One call of a node in a run. Referenced objects live until `done` has returned.
struct OperationCall {
  RunnerClient& runner;
  CallContext context;
  const RunRequest& run;  // Has a seed.
  // The text written, at first its prompt, changed by on_text and on_restart; or the complete text
  // that is scored.
  GraphResult& text;
  uint32_t branch = 0;           // The node,
  uint32_t sequence = 0;         // and which of its texts.
  bool underway = false;         // Runners have already worked on its input.
  absl::Duration finish_within;  // Then the text is ended early. Zero: no limit.
  RunnerClient::OnText on_text;
  RunnerClient::OnRestart on_restart;              // Null: the text may have been seen.
  absl::AnyInvocable<void(absl::Status) &&> done;  // As RunnerClient::Done.
};

class Operation {
 public:
  enum class Result {
    kText,   // A text, from all inputs or the request's text. Other nodes may take it.
    kScore,  // A score for each input, by a call each. It is the graph's reply.
  };

  virtual ~Operation() = default;

  virtual Result result() const = 0;

  // The task that its runner's model must have.
  virtual ModelTask task() const = 0;

  // Errors in its message except names, as "max_length must be at least 1: 0".
  virtual std::vector<std::string> Problems() const { return {}; }

  // INVALID_ARGUMENT if node `node` cannot serve this run, by what its runner says of its model.
  virtual absl::Status CheckRun(const RunnerClient& runner, const RunRequest& run,
                                const std::string& node) const {
    return absl::OkStatus();
  }

  // RESOURCE_EXHAUSTED if a call that begins a run would surely be refused
  // (RunnerClient::CheckRoom).
  virtual absl::Status CheckRoom(RunnerClient& runner, const RunRequest& run) const {
    return absl::OkStatus();
  }

  // Calls the runner.
  virtual void Start(OperationCall call) const = 0;
};

// A node of a graph file, names unchecked.
struct NodeSpec {
  std::string name;
  std::string kind;                 // "generate"; if empty, so is the rest.
  std::string runner;               // The message's field of this name.
  std::string input_field;          // "input" or "inputs",
  std::vector<std::string> inputs;  // and the nodes it names.
  std::shared_ptr<const Operation> operation;
};

NodeSpec ReadNode(const config::v1::Node& node);

// All kinds, in the order of chorus.config.v1.Node.
std::vector<std::string> NodeKinds();

}  // namespace chorus::gateway
