#include "runner_server/model_reloader.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/change_watch.h"
#include "runner_server/config/memory_room.h"

namespace chorus::runner {
namespace {

// Callers know a runner by what it does and how; the gateway asks for both when a runner turns to
// SERVING, which it stays here.
absl::Status CheckSameKind(const runner::v1::GetModelInfoResponse& now,
                           const runner::v1::GetModelInfoResponse& next) {
  if (now.task() == next.task() && now.architecture() == next.architecture()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("it is a ", next.architecture(), " (", runner::v1::Task_Name(next.task()),
                   "), and a ", now.architecture(), " (", runner::v1::Task_Name(now.task()),
                   ") serves: another kind of model takes a runner of its own, or a restart"));
}

// A model that does not fit would have the kernel kill the process, and the model that serves with
// it. It takes about what serves takes, by the sizes of their files.
absl::Status CheckRoom(const ModelFolder& serving, const ModelFolder& next) {
  if (serving.files.num_bytes == 0) return absl::OkStatus();
  const double ratio =
      static_cast<double>(next.files.num_bytes) / static_cast<double>(serving.files.num_bytes);
  const auto wanted = static_cast<int64_t>(static_cast<double>(AnonymousMemory()) * ratio);
  const int64_t room = MemoryRoom();
  if (wanted <= room) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("no room for it beside the one that serves: it takes about ", wanted >> 20,
                   " MiB, and ", room >> 20, " MiB are left; allow more memory, or restart"));
}

}  // namespace

ModelReloader::ModelReloader(Options options, ModelFolder serving, ServedModel& served,
                             RunnerMetrics& metrics)
    : options_(std::move(options)),
      served_(served),
      metrics_(metrics),
      serving_(std::move(serving)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

ModelReloader::~ModelReloader() {
  thread_.request_stop();
  thread_.join();
}

void ModelReloader::Ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  wake_.notify_all();
}

void ModelReloader::Run(const std::stop_token& stop) {
  ChangeWatch<ModelFolder> watch(serving_);
  while (true) {
    bool asked = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, absl::ToChronoNanoseconds(options_.look_every),
                     [this] { return asked_; });
      asked = std::exchange(asked_, false);
    }
    if (stop.stop_requested()) return;
    ModelFolder now = LookAtModel(options_.model);
    if (watch.See(now, asked) && now != serving_) TakeOver(now);
  }
}

void ModelReloader::TakeOver(const ModelFolder& folder) {
  const absl::Time began_at = absl::Now();
  const std::string what = absl::StrCat(" model=", options_.name, " version=", folder.version,
                                        " directory=", folder.directory.native());
  LOG(INFO) << "event=reloading" << what;
  const auto load = [&]() -> absl::StatusOr<std::unique_ptr<ModelHost>> {
    if (absl::Status room = CheckRoom(serving_, folder); !room.ok()) return room;
    auto host = options_.load(folder);
    if (!host.ok()) return host;
    absl::Status same = CheckSameKind(served_.info(), (*host)->engine().info());
    if (!same.ok()) return same;
    return host;
  };
  absl::StatusOr<std::unique_ptr<ModelHost>> host = load();
  if (LookAtModel(options_.model) != folder) {  // It may be loaded from both.
    LOG(INFO) << "event=changed_while_loading" << what;
    return;
  }
  if (!host.ok()) {
    metrics_.OnReload(false);
    LOG(ERROR) << "event=not_reloaded" << what
               << ": what served serves on: " << host.status().message();
    return;
  }
  if (!served_.Serve(*std::move(host))) return;  // The runner is about to end.
  serving_ = folder;
  metrics_.OnReload(true);
  LOG(INFO) << "event=reloaded" << what
            << " load_seconds=" << absl::ToDoubleSeconds(absl::Now() - began_at);
  served_.EndBefore();
}

}  // namespace chorus::runner
