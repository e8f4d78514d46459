#pragma once

// Serves what the model that --model names has become, while calls run.
//
// It looks once a second. A change that is seen twice is loaded and warmed up beside the model that
// serves, on the thread that looks; then calls move to it, and the one before goes with its last
// call. Only then it looks again, so that no more than two models are ever in memory. What cannot
// be loaded, has no room, or is another task's or architecture's, which callers count on, is said
// in one line of the log; it is not tried again before something changes.
//
// Thread safety: Ask from any thread.

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/metrics/runner_metrics.h"
#include "runner_server/model_folder.h"
#include "runner_server/model_host.h"
#include "runner_server/served_model.h"

namespace chorus::runner {

class ModelReloader {
 public:
  struct Options {
    std::filesystem::path model;  // As LookAtModel's.
    std::string name;             // For the log.
    std::function<absl::StatusOr<std::unique_ptr<ModelHost>>(const ModelFolder&)> load;
    absl::Duration look_every = absl::Seconds(1);
  };

  // `serving` is what `served` was loaded from. Both references must outlive this.
  ModelReloader(Options options, ModelFolder serving, ServedModel& served, RunnerMetrics& metrics);

  // Blocks until a model that is being loaded has been: it is dropped then, if ServedModel::Drain
  // was called.
  ~ModelReloader();

  // Looks now, and takes at once what is seen, also what was refused.
  void Ask();

 private:
  void Run(const std::stop_token& stop);  // The thread's.
  void TakeOver(const ModelFolder& folder);

  const Options options_;
  ServedModel& served_;
  RunnerMetrics& metrics_;
  ModelFolder serving_;  // Used by the thread.

  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool asked_ = false;   // Guarded by mutex_.
  std::jthread thread_;  // Last: it uses the others.
};

}  // namespace chorus::runner
