#pragma once

// The model that serves, and how another takes its place while calls run:
//
//   Serve: new calls go to the new one ─▶ EndBefore: the old one ends those it has ─▶ it is gone
//
// There are at most two. Each is owned by this; the service and the metrics borrow the engines.
//
// Thread safety: Serve and EndBefore by one thread, which may block for long; Drain by another one;
// info and load by any. The destructor after both.

#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/metrics/runner_metrics.h"
#include "runner_server/model_host.h"
#include "runner_server/service/runner_service.h"

namespace chorus::runner {

class ServedModel {
 public:
  // Both must outlive this.
  ServedModel(RunnerService& service, RunnerMetrics& metrics);
  ~ServedModel();

  // Calls that come from now on go to `host`. Waits at most for a text that is being tokenized.
  // EndBefore must follow before the next. False, and `host` is dropped, after Drain.
  bool Serve(std::unique_ptr<ModelHost> host);

  // Blocks until the last call of the model before has ended, and destroys that model.
  void EndBefore();

  // Refuses new calls, lets those of both models run until `until`, and fails the rest. Blocks
  // until all have ended.
  void Drain(absl::Time until);

  // Of the model that takes calls; empty before there is one.
  runner::v1::GetModelInfoResponse info() const;

  // Of both models.
  runner::v1::GetLoadResponse load() const;

 private:
  RunnerService& service_;
  RunnerMetrics& metrics_;

  mutable std::mutex mutex_;
  // Guarded by mutex_, as the following, which does not guard what they point to.
  std::unique_ptr<ModelHost> current_;  // Null until Serve.
  std::unique_ptr<ModelHost> before_;   // Null unless it has calls.
  bool draining_ = false;
  std::condition_variable before_ended_;
};

}  // namespace chorus::runner
