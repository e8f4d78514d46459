#include "cli/serve/reloader.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "cli/serve/gateway_page.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

constexpr int kHttpOk = 200;
constexpr int64_t kMaxPortsFileBytes = 4096;
constexpr char kReadyLine[] = "ready=true";

// Whole or not at all.
absl::Status ReplaceFile(const fs::path& path, const std::string& text) {
  const fs::path part = path.native() + ".new";
  std::ofstream file(part, std::ios::trunc);
  file << text << std::flush;
  if (!file) return absl::InternalError("cannot write " + part.native() + ": is the disk full?");
  std::error_code error;
  fs::rename(part, path, error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot write " + path.native());
  return absl::OkStatus();
}

bool IsReady(const fs::path& ports_file) {
  const std::vector<std::string> lines =
      absl::StrSplit(ReadFile(ports_file, kMaxPortsFileBytes).value_or(""), '\n');
  return std::ranges::find(lines, kReadyLine) != lines.end();
}

std::string Describe(const RunnerSpec& runner) {
  return absl::StrCat(runner.name, " ",
                      runner.version.empty() ? runner.model_directory.native() : runner.version);
}

}  // namespace

Reloader::Reloader(Options options, ServeWork work, const std::vector<ChildSpec>& children,
                   ReloadHost& host)
    : options_(std::move(options)), host_(host), work_(std::move(work)) {
  size_t child = 0;
  for (const RunnerSpec& runner : work_.runners) {
    served_.push_back({runner, {}});
    for (int replica = 0; replica < runner.num_replicas; ++replica, ++child) {
      served_.back().processes.push_back({.child = child,
                                          .slot = child,
                                          .socket = children[child].made_files[0],
                                          .ports_file = PortsFileOf(children[child])});
    }
  }
}

absl::Duration Reloader::next_deadline() const { return next_; }

void Reloader::Go(Step step, absl::Duration now) {
  step_ = step;
  since_ = now;
  page_.reset();  // What it says may be from before.
  probe_.reset();
}

void Reloader::Advance(absl::Duration now) {
  if (!trial_failure_.empty()) Refuse(std::exchange(trial_failure_, ""));
  if (std::optional<std::string> page = std::exchange(page_, std::nullopt)) OnPage(*page, now);
  if (now < next_ && !asked_) return;
  switch (step_) {
    case Step::kLook:
      Look(now);
      break;
    case Step::kCheck:
      if (checked_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) break;
      if (absl::StatusOr<ServeWork> checked = checked_.get(); checked.ok()) {
        next_work_ = *std::move(checked);
        Begin();
        if (step_ == Step::kCheck) Go(Step::kLoad, now);
      } else {
        Refuse(std::string(checked.status().message()));
      }
      break;
    case Step::kLoad:
      Load(now);
      break;
    case Step::kCount:
    case Step::kConfirm:
      if (now - since_ > options_.retry_after) Go(Step::kCount, now);  // It was started again.
      break;
  }
  const bool wants_page = step_ == Step::kCount || step_ == Step::kConfirm || !leaving_.empty();
  const std::optional<SocketAddress> gateway = host_.gateway_address();
  if (wants_page && !probe_ && gateway) {
    absl::StatusOr<HttpProbe> probe = HttpProbe::Start(*gateway, "/metrics", /*wants_body=*/true);
    if (probe.ok()) probe_.emplace(*std::move(probe));
  }
  const bool is_busy = step_ != Step::kLook || !leaving_.empty();
  next_ = now + (is_busy ? options_.step_every : options_.look_every);
}

void Reloader::OnProbeEvent() {
  if (!probe_) return;
  const std::optional<int> code = probe_->OnEvent();
  if (!code) return;
  if (*code == kHttpOk) page_ = probe_->received();
  probe_.reset();
}

void Reloader::Look(absl::Duration now) {
  const bool asked = std::exchange(asked_, false);
  absl::StatusOr<ServeWork> found = options_.find();
  if (!found.ok()) {
    if (complaint_ != found.status().message()) {
      complaint_ = std::string(found.status().message());
      host_.Say("not reloaded, and all stays as it is: " + complaint_);
    }
    seen_.reset();
    return;
  }
  complaint_.clear();
  const bool is_settled = asked || seen_ == *found;
  seen_ = *found;
  if (*found == work_) {
    refused_.reset();
    return;
  }
  if (!is_settled || (!asked && refused_ == *found)) return;
  seen_.reset();
  refused_ = *found;  // Unless all goes well.
  checked_ = std::async(
      std::launch::async,
      [check = options_.check, work = *std::move(found)]() mutable -> absl::StatusOr<ServeWork> {
        RETURN_IF_ERROR(check(work));
        return std::move(work);
      });
  Go(Step::kCheck, now);
}

// Starts a process for each replica that none serves yet.
void Reloader::Begin() {
  next_served_.clear();
  std::vector<std::string> names;
  for (const RunnerSpec& runner : next_work_.runners) {
    const auto same = std::ranges::find(served_, runner, &Served::spec);
    next_served_.push_back(
        {runner, same == served_.end() ? std::vector<Process>() : same->processes});
    if (same != served_.end()) continue;
    names.push_back(Describe(runner));
    for (int replica = 0; replica < runner.num_replicas; ++replica) {
      const std::optional<size_t> slot = FreeSlot();
      if (!slot) return Refuse("too many processes are still leaving; a SIGHUP tries again");
      ChildSpec spec = MakeRunner(options_.settings, runner, replica, *slot);
      spec.child.essential = false;
      Process process{.slot = *slot,
                      .socket = spec.made_files[0],
                      .ports_file = PortsFileOf(spec),
                      .on_trial = true};
      process.child = host_.StartOnTrial(std::move(spec));
      next_served_.back().processes.push_back(std::move(process));
    }
  }
  host_.Say(names.empty()
                ? std::string("taking over a change of the graph")
                : absl::StrCat("loading beside what serves: ", absl::StrJoin(names, ", ")));
}

void Reloader::Load(absl::Duration now) {
  for (const Served& runner : next_served_) {
    for (const Process& process : runner.processes) {
      if (process.on_trial && !IsReady(process.ports_file)) return;
    }
  }
  Go(Step::kCount, now);
}

void Reloader::OnExit(size_t child, std::string_view why) {
  std::erase_if(leaving_, [&](const Process& process) { return process.child == child; });
  for (Served& runner : next_served_) {
    for (Process& process : runner.processes) {
      if (process.child != child || !process.on_trial) continue;
      process.ended = true;
      trial_failure_ = absl::StrCat(Describe(runner.spec), " cannot be loaded: ", AbslView(why));
    }
  }
}

void Reloader::OnPage(const std::string& page, absl::Duration now) {
  StopLeaving(page);
  if (step_ == Step::kCount) {
    num_reloads_ = NumReloads(page);
    if (const absl::Status status = WriteFiles(next_work_, next_served_); !status.ok()) {
      return Refuse(std::string(status.message()));
    }
    host_.ReloadGateway();
    Go(Step::kConfirm, now);
  } else if (step_ == Step::kConfirm && NumReloads(page) > *num_reloads_) {
    if (LastReloadSucceeded(page)) return Finish();
    Refuse("the gateway refuses it, and its log says why");
  }
}

void Reloader::Finish() {
  for (Served& runner : next_served_) {
    for (Process& process : runner.processes) {
      if (std::exchange(process.on_trial, false)) host_.SetRestarts(process.child, true);
    }
  }
  std::set<size_t> staying;
  for (const Served& runner : next_served_) {
    for (const Process& process : runner.processes) staying.insert(process.child);
  }
  for (const Served& runner : served_) {
    for (const Process& process : runner.processes) {
      if (staying.contains(process.child)) continue;
      host_.SetRestarts(process.child, false);
      leaving_.push_back(process);
    }
  }
  work_ = std::move(next_work_);
  served_ = std::move(next_served_);
  next_served_.clear();
  num_reloads_.reset();
  refused_.reset();
  step_ = Step::kLook;
  host_.Say("reloaded");
}

void Reloader::Refuse(const std::string& why) {
  if (std::exchange(num_reloads_, std::nullopt)) {
    (void)WriteFiles(work_, served_);
    host_.ReloadGateway();
  }
  for (const Served& runner : next_served_) {
    for (const Process& process : runner.processes) {
      if (!process.on_trial || process.ended) continue;
      leaving_.push_back(process);  // Its slot is taken until it has ended.
      host_.Stop(process.child);
    }
  }
  next_served_.clear();
  step_ = Step::kLook;
  host_.Say(absl::StrCat("not reloaded, and what served serves on: ", why));
}

void Reloader::StopLeaving(const std::string& page) {
  for (const Process& process : leaving_) {
    if (!HasReplica(page, process.socket)) host_.Stop(process.child);
  }
}

absl::Status Reloader::WriteFiles(const ServeWork& work, const std::vector<Served>& served) const {
  std::vector<RunnerSockets> runners;
  for (const Served& runner : served) {
    runners.push_back({runner.spec.name, {}});
    for (const Process& process : runner.processes) {
      runners.back().sockets.push_back(process.socket);
    }
  }
  if (!options_.settings.graph_file.empty()) {
    RETURN_IF_ERROR(ReplaceFile(options_.settings.graph_file, work.graph.text));
  }
  return ReplaceFile(options_.gateway_config_file,
                     MakeGatewayConfig(runners, options_.settings.directory));
}

std::optional<size_t> Reloader::FreeSlot() const {
  std::set<size_t> taken;
  for (const std::vector<Served>* all : {&served_, &next_served_}) {
    for (const Served& runner : *all) {
      for (const Process& process : runner.processes) taken.insert(process.slot);
    }
  }
  for (const Process& process : leaving_) taken.insert(process.slot);
  for (size_t slot = 0; slot < options_.num_slots; ++slot) {
    if (!taken.contains(slot)) return slot;
  }
  return std::nullopt;
}

}  // namespace chorus
