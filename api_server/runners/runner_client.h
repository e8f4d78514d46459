#pragma once

// What the gateway asks of one model's runner, wherever its replicas are.
//
// Thread safety: all methods may be called from any thread. Callbacks run on the client's own
// threads, never inline from the call that took them and never under a lock; they must not block.

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chorus {

// What every call carries. Cancelling through `stop` ends the call with CANCELLED.
struct CallContext {
  absl::Time deadline = absl::InfiniteFuture();  // Absolute; sent on as the remaining time.
  std::stop_token stop;
  std::string request_id;   // Sent as the metadata x-request-id,
  std::string traceparent;  // and traceparent; empty: not sent.
  bool underway = false;    // A step of a run that runners have worked for already.
};

// Complete parameters of one generation; see chorus.runner.v1 for units and ranges.
struct GenerateParams {
  uint32_t max_length = 128;
  std::optional<uint32_t> max_new_tokens;
  bool do_sample = true;
  double temperature = 1.0;
  uint32_t top_k = 50;
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  bool split_special_tokens = false;
  std::optional<uint32_t> top_logprobs;
  absl::Duration finish_within;  // The text ends where it is then. Zero: no limit.
  uint64_t seed = 0;
  uint32_t branch = 0;
  uint32_t sequence = 0;
  // Nobody has seen the text before its end: it may begin again at another replica.
  bool may_restart = false;

  friend bool operator==(const GenerateParams&, const GenerateParams&) = default;
};

// How texts are classified; see chorus.runner.v1.
struct ClassifyParams {
  bool truncate = true;  // False: INVALID_ARGUMENT for a text that is longer than the model reads.
  bool split_special_tokens = false;

  friend bool operator==(const ClassifyParams&, const ClassifyParams&) = default;
};

// Which of a text's tokens are wanted, and how.
struct TokenizeParams {
  bool ids_only = false;          // Ids instead of tokens.
  std::optional<uint32_t> limit;  // So many at most. Unset: all.
  uint32_t offset = 0;            // Without the first so many.
  bool split_special_tokens = false;
};

enum class FinishReason { kStop, kLength, kStopString, kDeadline };

struct TokenLogprob {
  uint32_t id = 0;
  std::string text;
  double logprob = 0;
  std::vector<TokenLogprob> top;
};

// New text of a generation, or, with `restart`, none.
struct TextDelta {
  std::string text;  // Whole UTF-8 characters.
  uint32_t num_tokens = 0;
  std::vector<TokenLogprob> logprobs;  // One a token if they were asked for.
  bool restart = false;  // What came before is void. Only with GenerateParams::may_restart.
};

// How a generation ended.
struct GenerationEnd {
  FinishReason reason = FinishReason::kStop;
  uint32_t prompt_tokens = 0;
  uint32_t generated_tokens = 0;  // The end-of-sequence token included.
  absl::Duration queue_time;
  absl::Duration prefill_time;
  absl::Duration decode_time;
  double mean_batch_size = 0;
  std::string model_version;  // May be empty.
};

struct TextClassification {
  std::vector<std::string> labels;
  std::vector<double> probabilities;  // One for each label; at least one.
  uint32_t num_tokens = 0;            // Of the whole text, the model's specials included.
  bool truncated = false;             // The model has seen fewer.
  uint32_t max_batch_size = 0;        // Texts it was classified with, itself included, at most.
  std::string model_version;          // May be empty.
};

// A piece of a text.
struct TextToken {
  uint32_t id = 0;
  std::string text;
  uint32_t begin = 0;  // Bytes of the text.
  uint32_t end = 0;
};

struct TokenizedText {
  std::vector<TextToken> tokens;
  std::vector<uint32_t> ids;
  uint32_t num_tokens = 0;  // Of the whole text.
};

// What a model does. Unknown is whatever may be asked of it.
enum class ModelTask { kUnknown, kGenerate, kClassify };

// The model of a replica, as it says itself.
struct ModelKind {
  ModelTask task = ModelTask::kUnknown;  // Until it has said so.
  std::string architecture;              // Such as "GPT2LMHeadModel".

  // Whether it may be asked for `wanted`.
  bool suits(ModelTask wanted) const {
    return task == wanted || task == ModelTask::kUnknown || wanted == ModelTask::kUnknown;
  }
};

// One replica of a runner.
struct ReplicaStatus {
  std::string endpoint;       // "host:port" or "unix:/path".
  bool healthy = false;       // Reports SERVING, and is not ejected.
  int64_t num_ejections = 0;  // For failing its calls all the same.
  ModelKind model;
};

struct RunnerStatus {
  std::vector<ReplicaStatus> replicas;
  int64_t num_retries = 0;  // Calls that were tried again at another replica.

  // Those that may be asked for `wanted`.
  int num_healthy(ModelTask wanted = ModelTask::kUnknown) const {
    int count = 0;
    for (const ReplicaStatus& replica : replicas) {
      count += replica.healthy && replica.model.suits(wanted) ? 1 : 0;
    }
    return count;
  }
};

class RunnerClient {
 public:
  using OnText = absl::AnyInvocable<void(TextDelta delta)>;
  using OnGenerated = absl::AnyInvocable<void(absl::StatusOr<GenerationEnd>) &&>;
  using OnClassified = absl::AnyInvocable<void(absl::StatusOr<std::vector<TextClassification>>) &&>;
  using OnTokenized = absl::AnyInvocable<void(absl::StatusOr<TokenizedText>) &&>;
  using OnDetokenized = absl::AnyInvocable<void(absl::StatusOr<std::string>) &&>;

  virtual ~RunnerClient() = default;

  // Continues `prompt`: `on_text` for each piece of new text, in order and one at a time, then
  // `done` once. INVALID_ARGUMENT, as the runner's, where the model is no generator. UNAVAILABLE
  // when no replica is healthy; other errors are the runner's. The message does not name the
  // runner.
  virtual void Generate(std::string prompt, const GenerateParams& params, CallContext context,
                        OnText on_text, OnGenerated done) = 0;

  // Classifies `texts`, one result each. Errors as Generate.
  virtual void Classify(std::vector<std::string> texts, const ClassifyParams& params,
                        CallContext context, OnClassified done) = 0;

  // The tokens of `text`, without specials; and the text of tokens. Errors as Generate.
  virtual void Tokenize(std::string text, const TokenizeParams& params, CallContext context,
                        OnTokenized done) = 0;
  virtual void Detokenize(std::vector<uint32_t> ids, CallContext context, OnDetokenized done) = 0;

  virtual RunnerStatus status() const = 0;

  // Whether at least one replica reports SERVING.
  virtual bool healthy() const = 0;

  // False where replicas report SERVING, but the models of all of them do something else.
  virtual bool suits(ModelTask task) const = 0;
};

}  // namespace chorus
