#include "cli/serve/reloader.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/replace_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "cli/serve/gateway_page.h"

namespace chorus {
namespace {

constexpr int kHttpOk = 200;

std::string Describe(const RunnerSpec& runner) {
  return absl::StrCat(runner.name, " ",
                      runner.version.empty() ? runner.model_directory.native() : runner.version);
}

std::string Describe(const ModelKind& kind) {
  return absl::StrCat(kind.architecture, " (", kind.task, ")");
}

}  // namespace

Reloader::Reloader(Options options, ServeWork work, const std::vector<ChildSpec>& children,
                   ReloadHost& host)
    : options_(std::move(options)), host_(host), work_(std::move(work)), watch_(work_) {
  size_t child = 0;
  for (const RunnerSpec& runner : work_.runners) {
    served_.push_back({runner, {}});
    for (int replica = 0; replica < runner.num_replicas; ++replica, ++child) {
      served_.back().processes.emplace_back(children[child], child, /*slot=*/child);
    }
  }
}

void Reloader::Go(Step step, absl::Duration now) {
  step_ = step;
  since_ = now;
  gateway_waits_ = false;
  page_.reset();  // What it says may be from before.
  probe_.reset();
}

void Reloader::Advance(absl::Duration now) {
  if (!trial_failure_.empty()) Refuse(std::exchange(trial_failure_, ""), now);
  if (std::optional<std::string> page = std::exchange(page_, std::nullopt)) OnPage(*page, now);
  if (now < next_ && !asked_) return;
  if (now >= next_look_ || asked_) {
    next_look_ = now + options_.look_every;
    Look(now);
  }
  if (step_ == Step::kCheck) {
    const bool is_over = checked_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    if (is_over) OnChecked(checked_.get(), now);
  } else if (step_ == Step::kLoad) {
    Load(now);
  } else if (step_ != Step::kIdle && now - since_ > options_.retry_after && !gateway_waits_) {
    Go(Step::kCount, now);  // The gateway was started again.
  }
  AskForPage();
  const bool is_busy = step_ != Step::kIdle || !leaving_.empty();
  next_ = is_busy ? now + options_.step_every : next_look_;
}

void Reloader::AskForPage() {
  const bool wants_page = step_ == Step::kCount || step_ == Step::kConfirm || !leaving_.empty();
  const std::optional<SocketAddress> gateway = host_.gateway_address();
  if (!wants_page || probe_ || !gateway) return;
  absl::StatusOr<HttpProbe> probe = HttpProbe::Start(*gateway, "/metrics", /*wants_body=*/true);
  if (probe.ok()) probe_.emplace(*std::move(probe));
}

void Reloader::OnProbeEvent() {
  if (!probe_) return;
  const std::optional<int> code = probe_->OnEvent();
  if (!code) return;
  if (*code == kHttpOk) page_ = probe_->received();
  probe_.reset();
}

void Reloader::Look(absl::Duration now) {
  if (step_ == Step::kCheck || taking_back_) return;  // Soon.
  const bool asked = std::exchange(asked_, false);
  const absl::StatusOr<ServeWork> found = options_.find();
  if (!found.ok()) {
    watch_.See(std::nullopt, asked);
    if (step_ == Step::kIdle && (asked || complaint_ != found.status().message())) {
      complaint_ = std::string(found.status().message());
      host_.Say("not reloaded, and all stays as it is: " + complaint_);
    }
    return;
  }
  complaint_.clear();
  if (!watch_.See(*found, asked)) return;
  if (step_ == Step::kIdle) {
    if (*found != work_) Check(*found, now);
  } else if (*found != found_) {
    const bool is_gone = *found == work_;
    host_.Say(is_gone
                  ? "the change is gone again; what it had begun ends, and what served serves on"
                  : "another change comes in the place of the one that was under way");
    if (!is_gone) instead_ = *found;
    TakeBack(now);
  }
}

void Reloader::Check(const ServeWork& work, absl::Duration now) {
  found_ = work;
  checked_ =
      std::async(std::launch::async,
                 [check = options_.check, work = found_]() mutable -> absl::StatusOr<ServeWork> {
                   RETURN_IF_ERROR(check(work));
                   return std::move(work);
                 });
  Go(Step::kCheck, now);
}

void Reloader::OnChecked(absl::StatusOr<ServeWork> work, absl::Duration now) {
  if (!work.ok()) return Refuse(std::string(work.status().message()), now);
  if (*work == work_) return Go(Step::kIdle, now);  // With the faults that are known.
  for (const RunnerSpec& runner : work->runners) {
    const auto has_it = [&](const RunnerSpec& before) {
      return before.name == runner.name && before.fault == runner.fault;
    };
    if (!runner.fault.empty() && std::ranges::none_of(work_.runners, has_it)) {
      return Refuse(runner.fault, now);
    }
  }
  for (const auto& [name, kind] : work->further_kinds) {
    const auto before = work_.further_kinds.find(name);
    if (before == work_.further_kinds.end() || before->second == kind) continue;
    return Refuse(
        absl::StrCat(name, " is a ", Describe(kind), " now, and a ", Describe(before->second),
                     " serves: another kind of model takes another name, or a restart"),
        now);
  }
  next_work_ = *std::move(work);
  Begin(now);
}

// Starts a process for each replica that none serves yet.
void Reloader::Begin(absl::Duration now) {
  std::vector<std::string> names;
  for (const RunnerSpec& runner : next_work_.runners) {
    const auto same = std::ranges::find(served_, runner, &ServedRunner::spec);
    next_served_.push_back(
        {runner, same == served_.end() ? std::vector<RunnerProcess>() : same->processes});
    if (same != served_.end()) continue;
    names.push_back(Describe(runner));
    for (int replica = 0; replica < runner.num_replicas; ++replica) {
      std::vector<RunnerProcess> taken = ProcessesOf(served_);
      for (const auto& more : {ProcessesOf(next_served_), leaving_, dropped_}) {
        taken.insert(taken.end(), more.begin(), more.end());
      }
      const std::optional<size_t> slot = FreeSlot(options_.num_slots, taken);
      if (!slot) return Refuse("too many processes are still leaving", now);
      ChildSpec spec = MakeRunner(options_.settings, runner, replica, *slot);
      spec.child.essential = false;
      RunnerProcess process(spec, host_.StartOnTrial(spec), *slot);
      process.on_trial = true;
      next_served_.back().processes.push_back(std::move(process));
    }
  }
  host_.Say(names.empty()
                ? std::string("taking over a change of the graph")
                : absl::StrCat("loading beside what serves: ", absl::StrJoin(names, ", ")));
  Go(Step::kLoad, now);
}

void Reloader::Load(absl::Duration now) {
  for (const RunnerProcess& process : ProcessesOf(next_served_)) {
    if (process.on_trial && !process.IsReady()) return;
  }
  wait_is_said_ = false;
  Go(Step::kCount, now);
}

void Reloader::OnExit(size_t child, std::string_view why) {
  const auto is_it = [&](const RunnerProcess& process) { return process.child == child; };
  std::erase_if(leaving_, is_it);
  std::erase_if(dropped_, is_it);
  for (ServedRunner& runner : next_served_) {
    for (RunnerProcess& process : runner.processes) {
      if (!is_it(process) || !process.on_trial) continue;
      process.ended = true;
      const char* what = step_ == Step::kLoad ? " cannot be loaded: " : " has ended: ";
      trial_failure_ = absl::StrCat(Describe(runner.spec), what, AbslView(why));
    }
  }
}

void Reloader::OnPage(const std::string& page, absl::Duration now) {
  StopLeaving(page);
  if (step_ == Step::kCount) {
    num_reloads_ = NumReloads(page);
    if (const absl::Status status = WriteFiles(); !status.ok()) {
      if (!taking_back_) Refuse(std::string(status.message()), now);
      return;
    }
    host_.ReloadGateway();
    return Go(Step::kConfirm, now);
  }
  if (step_ != Step::kConfirm) return;
  const bool has_reloaded = NumReloads(page) > *num_reloads_;
  gateway_waits_ = has_reloaded && WaitsForRunners(page);
  if (gateway_waits_ && now - since_ > options_.say_wait_after &&
      !std::exchange(wait_is_said_, true)) {
    host_.Say(
        "the gateway waits until it has found what is new, and its log says where; what served "
        "serves on");
  }
  if (!has_reloaded || gateway_waits_) return;
  if (LastReloadSucceeded(page)) return taking_back_ ? OnTakenBack(now) : Finish(now);
  if (taking_back_) return;  // It is asked again.
  num_reloads_ = NumReloads(page);
  Refuse("the gateway refuses it, and its log says why", now);
}

void Reloader::Finish(absl::Duration now) {
  std::set<size_t> staying;
  for (ServedRunner& runner : next_served_) {
    for (RunnerProcess& process : runner.processes) {
      if (std::exchange(process.on_trial, false)) host_.SetRestarts(process.child, true);
      staying.insert(process.child);
    }
  }
  for (const RunnerProcess& process : ProcessesOf(served_)) {
    if (staying.contains(process.child)) continue;
    host_.SetRestarts(process.child, false);
    leaving_.push_back(process);
  }
  work_ = std::move(next_work_);
  served_ = std::exchange(next_served_, {});
  num_reloads_.reset();
  Go(Step::kIdle, now);
  host_.Say("reloaded");
}

void Reloader::Refuse(const std::string& why, absl::Duration now) {
  host_.Say(absl::StrCat("not reloaded, and what served serves on: ", why,
                         "; it is tried again when something changes, or upon SIGHUP"));
  TakeBack(now);
}

void Reloader::TakeBack(absl::Duration now) {
  for (const RunnerProcess& process : ProcessesOf(std::exchange(next_served_, {}))) {
    if (process.on_trial && !process.ended) dropped_.push_back(process);
  }
  if (!num_reloads_) return OnTakenBack(now);
  // The gateway may move to them until it has the old files again.
  taking_back_ = true;
  if (!WriteFiles().ok()) return Go(Step::kCount, now);
  host_.ReloadGateway();
  Go(Step::kConfirm, now);
}

void Reloader::OnTakenBack(absl::Duration now) {
  for (RunnerProcess& process : dropped_) leaving_.push_back(std::move(process));
  dropped_.clear();
  num_reloads_.reset();
  taking_back_ = false;
  Go(Step::kIdle, now);
  if (const auto work = std::exchange(instead_, std::nullopt)) Check(*work, now);
}

void Reloader::StopLeaving(const std::string& page) {
  std::erase_if(leaving_, [&](const RunnerProcess& process) {
    return !HasReplica(page, process.socket) && !host_.Stop(process.child);
  });
}

absl::Status Reloader::WriteFiles() const {
  if (!options_.settings.graph_file.empty()) {
    const ServeWork& work = taking_back_ ? work_ : next_work_;
    RETURN_IF_ERROR(ReplaceFile(options_.settings.graph_file, work.graph.text));
  }
  const auto sockets = SocketsOf(taking_back_ ? served_ : next_served_);
  return ReplaceFile(options_.gateway_config_file,
                     MakeGatewayConfig(sockets, options_.settings.directory));
}

}  // namespace chorus
