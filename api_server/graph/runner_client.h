#pragma once

// The client of one model's runner, whatever its replicas.
//
// Thread safety: all methods may be called from any thread. Callbacks run on the client's own
// threads, never inline from the call that took them and never under a lock; they must not block.

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "proto/chorus/v1/encoder.pb.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus::gateway {

// The context of a call. A stop ends the call with CANCELLED.
struct CallContext {
  absl::Time deadline = absl::InfiniteFuture();  // Absolute; sent on as the remaining time.
  std::stop_token stop;
  std::string request_id;   // Sent as the metadata x-request-id,
  std::string traceparent;  // and traceparent; empty: not sent.
  int priority = 0;         // As GenerateRequest's.
};

// A model's task. An unknown one suits every call.
enum class ModelTask { kUnknown, kGenerate, kClassify, kEmbed };

// A replica's model, as it reports.
struct ModelKind {
  ModelTask task = ModelTask::kUnknown;           // Until reported.
  std::string architecture;                       // Such as "GPT2LMHeadModel".
  v1::GenerationParams defaults;                  // Of a call, where the model has its own.
  std::string version;                            // In the model store; empty: of a folder.
  std::string dtype;                              // Of the weights, such as "bfloat16".
  uint32_t context_size = 0;                      // Most tokens of a text; 0: unknown.
  std::vector<std::string> labels;                // A classifier's.
  uint32_t dimensions = 0;                        // Of an embedder's vectors.
  v1::Pooling pooling = v1::POOLING_UNSPECIFIED;  // An embedder's.

  // Whether it may serve `wanted`.
  bool suits(ModelTask wanted) const {
    return task == wanted || task == ModelTask::kUnknown || wanted == ModelTask::kUnknown;
  }
};

// One replica of a runner.
struct ReplicaStatus {
  std::string endpoint;       // "host:port" or "unix:/path".
  bool healthy = false;       // Reports SERVING, and is not ejected.
  int64_t num_ejections = 0;  // For failing calls while SERVING.
  ModelKind model;
};

struct RunnerStatus {
  std::vector<ReplicaStatus> replicas;
  std::vector<std::string> awaited;  // Endpoints that were named while it served, and have not yet.
  int64_t num_retries = 0;           // Calls retried at another replica.
  int64_t num_refusals = 0;  // Calls refused here, since every healthy replica's queue was full.

  // Healthy replicas that may serve `wanted`.
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
  using OnText = absl::AnyInvocable<void(v1::TextDelta delta)>;
  using OnRestart = absl::AnyInvocable<void()>;
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

  virtual ~RunnerClient() = default;

  // Continues a prompt: `on_text` for each piece of new text, serially and in order, then `done`
  // once. If `on_restart` is not null, a text may be restarted at another replica; it is then
  // called, and all earlier text is void. INVALID_ARGUMENT if the model is no generator;
  // UNAVAILABLE if no replica is healthy; other errors are the runner's. Messages do not name the
  // runner.
  virtual void Generate(runner::v1::GenerateRequest request, CallContext context, OnText on_text,
                        OnRestart on_restart, Done<v1::GenerationEnd> done) = 0;

  // Classifies texts, one result each: a score for each label, of which there is at least one; in
  // [0, 1] unless the kind of score is raw. Errors as Generate.
  virtual void Classify(runner::v1::ClassifyRequest request, CallContext context,
                        Done<runner::v1::ClassifyResponse> done) = 0;

  // Embeds texts, one result each: vectors of equal length, of at least one number. Errors as
  // Generate.
  virtual void Embed(runner::v1::EmbedRequest request, CallContext context,
                     Done<runner::v1::EmbedResponse> done) = 0;

  // The tokens of a text, without special ones; and the text of tokens. Errors as Generate.
  virtual void Tokenize(runner::v1::TokenizeRequest request, CallContext context,
                        Done<runner::v1::TokenizeResponse> done) = 0;
  virtual void Detokenize(runner::v1::DetokenizeRequest request, CallContext context,
                          Done<runner::v1::DetokenizeResponse> done) = 0;

  // The error that Generate, not underway, would end with at once: RESOURCE_EXHAUSTED if the queues
  // of all healthy replicas are known to be full. It counts as a call refused. OK if the call is
  // worth a try.
  virtual absl::Status CheckRoom(size_t prompt_bytes, const v1::GenerationParams& params) = 0;

  virtual RunnerStatus status() const = 0;

  // Whether at least one replica reports SERVING.
  virtual bool healthy() const = 0;

  // False if replicas report SERVING, but none has a model for `task`.
  virtual bool suits(ModelTask task) const = 0;
};

}  // namespace chorus::gateway
