#pragma once

// What a node of a graph does, such as to generate. A kind of node is its Operation, in a file of
// its own, its message in chorus.config.v1.Node, and its line in the table of operation.cc.
//
// Thread safety: an Operation is immutable; Start() is called from many threads.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api_server/runners/runner_client.h"
#include "proto/chorus/config/v1/graph.pb.h"

namespace chorus {

// What a run is asked for.
struct RunRequest {
  std::string text;
  v1::GenerationParams params;  // In range. They displace the graph's; an unset seed is drawn.
  bool partial = false;         // A text that fails leaves the others as they are.
  bool truncate = true;         // False: INVALID_ARGUMENT for a text that the classifier would cut.
};

// A text of a run.
struct GraphResult {
  absl::Status status;      // Why there is none; the rest then means nothing. OK but for `partial`.
  std::string generated;    // Prompt and continuation.
  size_t prompt_bytes = 0;  // Of them the prompt's.
  google::protobuf::RepeatedPtrField<v1::TokenLogprob> logprobs;
  v1::GenerationEnd end;
  std::string runner;  // Who wrote it.
  uint64_t seed = 0;
  runner::v1::ClassifyResponse classification;  // Its one result; none where it is not scored.
  absl::Time ended_at;                          // When its last token came;
  absl::Duration classify_time;                 // so long after that it was scored.
};

// One call of a node in a run. What it refers to lives until `done` has returned.
struct OperationCall {
  RunnerClient& runner;
  CallContext context;
  const RunRequest& run;  // Has a seed.
  // What is written: at first its prompt, which on_text and on_restart change. Or what is scored,
  // which is whole.
  GraphResult& text;
  uint32_t branch = 0;           // The node,
  uint32_t sequence = 0;         // and which of its texts.
  bool underway = false;         // Runners have worked for what it works on.
  absl::Duration finish_within;  // A text ends where it is then. Zero: no limit.
  RunnerClient::OnText on_text;
  RunnerClient::OnRestart on_restart;              // Null: somebody may have seen the text.
  absl::AnyInvocable<void(absl::Status) &&> done;  // As RunnerClient::Done.
};

class Operation {
 public:
  enum class Result {
    kText,  // A text of the node's own, of all its inputs or of the request's text. Other nodes may
            // take it.
    kScore,  // What is said of each of the inputs, by a call of its own. It is the graph's reply.
  };

  virtual ~Operation() = default;

  virtual Result result() const = 0;

  // What the model of its runner must do.
  virtual ModelTask task() const = 0;

  // What is wrong in its message besides names, as "max_length must be at least 1: 0".
  virtual std::vector<std::string> Problems() const { return {}; }

  // INVALID_ARGUMENT where it cannot do what a run asks of it; it is that of the node named `node`.
  virtual absl::Status CheckRun(const RunRequest& run, const std::string& node) const {
    return absl::OkStatus();
  }

  // Calls the runner.
  virtual void Start(OperationCall call) const = 0;
};

// A node as a graph file has it, its names unchecked.
struct NodeSpec {
  std::string name;
  std::string kind;         // "generate"; empty where it has none, and then so is what follows.
  std::string runner;       // The message's field of this name.
  std::string input_field;  // "input" or "inputs",
  std::vector<std::string> inputs;  // and the nodes it names.
  std::shared_ptr<const Operation> operation;
};

NodeSpec ReadNode(const config::v1::Node& node);

// The kinds there are, in the order of chorus.config.v1.Node.
std::vector<std::string> NodeKinds();

}  // namespace chorus
