#include "cli/serve/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/signals.h"
#include "base/string_view.h"
#include "cli/monotonic_clock.h"

namespace chorus {
namespace {

constexpr absl::Duration kFlushPatience = absl::Seconds(1);
constexpr int kColors[] = {36, 33, 35, 32, 34, 96, 93, 95, 92, 94};  // ECMA-48 foregrounds.

std::vector<SupervisionPlan::Child> PlanChildren(const std::vector<ChildSpec>& specs) {
  std::vector<SupervisionPlan::Child> children;
  children.reserve(specs.size());
  for (const ChildSpec& spec : specs) children.push_back(spec.child);
  return children;
}

std::string Prefix(const std::string& name, size_t index, bool color) {
  if (!color) return absl::StrCat("[", name, "] ");
  return absl::StrCat("\033[", kColors[index % std::size(kColors)], "m[", name, "]\033[0m ");
}

// A descriptor that reports the signals the supervisor acts on; they interrupt nothing any more.
absl::StatusOr<int> WatchSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);  // Ignored, it would keep children from being waited for.
  return SignalFd({SIGINT, SIGTERM, SIGHUP, SIGCHLD});
}

int FindTerminal() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::isatty(fd) == 1) return fd;
  }
  return -1;
}

bool HasHungUp(int terminal_fd) {
  pollfd entry = {terminal_fd, 0, 0};  // -1 has no events.
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLHUP) != 0;
}

}  // namespace

bool WantsColor(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (no_color == nullptr || *no_color == '\0');
}

Supervisor::Supervisor(Options options)
    : options_(std::move(options)),
      plan_(PlanChildren(options_.children), options_.plan),
      out_(options_.out_fd),
      log_(options_.log_fd) {
  for (size_t i = 0; i < options_.children.size(); ++i) AddChild(i);
  if (options_.gateway) watch_.emplace(options_.gateway->watch);
  if (options_.make_reloader) reloader_ = options_.make_reloader(*this);
}

void Supervisor::AddChild(size_t index) {
  const std::string& name = options_.children[index].child.name;
  children_.push_back({std::nullopt, LinePrefixer(Prefix(name, index, options_.color))});
}

size_t Supervisor::StartOnTrial(ChildSpec spec) {
  options_.children.push_back(spec);
  AddChild(children_.size());
  return plan_.Add(std::move(spec.child), /*restarts=*/false);
}

bool Supervisor::Stop(size_t child) {
  Do(plan_.Stop(child, MonotonicNow()));
  return children_[child].process.has_value();
}

std::optional<SocketAddress> Supervisor::gateway_address() const {
  if (!options_.gateway || !children_[options_.gateway->child].process) return std::nullopt;
  const auto addresses = ReadPortsFile(options_.gateway->watch.ports_file);
  return addresses ? std::optional(addresses->http) : std::nullopt;
}

int Supervisor::Run() {
  const absl::StatusOr<int> signal_fd = WatchSignals();
  if (!signal_fd.ok()) {
    Say(StdView(signal_fd.status().message()));
    log_.Flush(kFlushPatience);
    return 1;
  }
  signal_fd_ = *signal_fd;
  terminal_fd_ = FindTerminal();
  for (;;) {
    Do(plan_.Advance(MonotonicNow()));
    if (plan_.finished()) break;
    AdvanceGateway();
    if (reloader() != nullptr) reloader_->Advance(MonotonicNow());
    Wait();
  }
  out_.Flush(kFlushPatience);
  log_.Flush(kFlushPatience);
  ::close(signal_fd_);
  return plan_.exit_status();
}

void Supervisor::Do(const SupervisionPlan::Actions& actions) {
  using Kind = SupervisionPlan::Action::Kind;
  for (const SupervisionPlan::Action& action : actions) {
    switch (action.kind) {
      case Kind::kStart:
        Start(action.child);
        break;
      case Kind::kTerminate:
        children_[action.child].process->Signal(SIGTERM);
        break;
      case Kind::kKill:
        children_[action.child].process->Signal(SIGKILL);
        break;
      case Kind::kSay:
        Say(action.text);
        break;
    }
  }
}

void Supervisor::Start(size_t index) {
  const ChildSpec& spec = options_.children[index];
  Child& child = children_[index];
  const std::vector<std::string> argv = Argv(index);
  std::error_code ignored;
  for (const std::filesystem::path& file : spec.made_files) std::filesystem::remove(file, ignored);
  child.prefixer.ClearLastLine();
  absl::StatusOr<ChildProcess> process = ChildProcess::Start(argv);
  if (!process.ok()) {
    return OnExit(index, {false, 127}, std::string(process.status().message()));
  }
  child.process.emplace(*std::move(process));
  child.output_ended = false;
  Say(absl::StrCat("started ", spec.child.name, ", process ", child.process->pid()));
  if (watch_ && options_.gateway->child == index) watch_->Begin(MonotonicNow());
}

std::vector<std::string> Supervisor::Argv(size_t index) const {
  const bool is_gateway = options_.gateway && options_.gateway->child == index;
  if (is_gateway && addresses_ && options_.gateway->argv_again) {
    return options_.gateway->argv_again(*addresses_);
  }
  return options_.children[index].argv;
}

void Supervisor::ReadOutput(Child& child) {
  char buffer[16 << 10];
  // Bounded, so that a child with endless output does not block the loop.
  for (int i = 0; i < 16 && !child.output_ended; ++i) {
    const ssize_t n = ::read(child.process->output_fd(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    child.output_ended = n <= 0;
    if (n > 0) log_.Write(child.prefixer.Append({buffer, static_cast<size_t>(n)}));
  }
}

void Supervisor::ReapExited() {
  for (size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    if (!child.process) continue;
    const std::optional<ChildExit> exit = child.process->TryWait();
    if (!exit) continue;
    ReadOutput(child);
    log_.Write(child.prefixer.Finish());
    child.process.reset();
    if (watch_ && options_.gateway->child == i) {
      watch_->End();
      // It may have ended before it was ready, or been looked at.
      const auto addresses = ReadPortsFile(options_.gateway->watch.ports_file);
      if (addresses) addresses_ = addresses;
    }
    OnExit(i, *exit, child.prefixer.last_line());
  }
}

void Supervisor::OnExit(size_t index, const ChildExit& exit, const std::string& last_line) {
  if (reloader() != nullptr) reloader_->OnExit(index, DescribeFailure(exit, last_line));
  Do(plan_.OnExit(index, exit, last_line, MonotonicNow()));
}

void Supervisor::ReadSignals() {
  while (const int signal = NextSignal(signal_fd_)) {
    if (signal == SIGCHLD) continue;
    if (signal == SIGHUP && !HasHungUp(terminal_fd_)) {
      OnHangup();
      continue;
    }
    Do(plan_.OnStopSignal(signal, MonotonicNow()));
  }
}

void Supervisor::OnHangup() {
  if (reloader() != nullptr) return reloader_->Ask();
  if (!watch_ || plan_.stopping()) return;
  if (gateway_address()) Say("reloading");
  ReloadGateway();
}

void Supervisor::ReloadGateway() {
  std::optional<ChildProcess>& gateway = children_[options_.gateway->child].process;
  // Before it listens it may not handle the signal yet, and reads its files anyway.
  if (!gateway || !ReadPortsFile(options_.gateway->watch.ports_file)) return;
  gateway->Signal(SIGHUP);
}

void Supervisor::AdvanceGateway() {
  if (!watch_ || plan_.stopping()) return;
  const std::optional<GatewayAddresses> addresses = watch_->Advance(MonotonicNow());
  if (!addresses) return;
  plan_.OnReady();
  out_.Write(options_.gateway->greeting(*addresses));
}

void Supervisor::Wait() {
  absl::Duration deadline = plan_.next_deadline();
  std::vector<pollfd> entries = {{signal_fd_, POLLIN, 0}, {-1, 0, 0}, {-1, 0, 0}};
  if (watch_ && !plan_.stopping()) {
    deadline = std::min(deadline, watch_->next_deadline());
    entries[1] = {watch_->probe_fd(), watch_->probe_events(), 0};
  }
  if (reloader() != nullptr) {
    deadline = std::min(deadline, reloader_->next_deadline());
    entries[2] = {reloader_->probe_fd(), reloader_->probe_events(), 0};
  }
  for (const OutputQueue* queue : {&out_, &log_}) {
    entries.push_back({queue->wants_write() ? queue->fd() : -1, POLLOUT, 0});
  }
  for (const Child& child : children_) {
    const bool has_output = child.process && !child.output_ended;
    entries.push_back({has_output ? child.process->output_fd() : -1, POLLIN, 0});
  }
  if (::poll(entries.data(), entries.size(), PollTimeout(deadline - MonotonicNow())) <= 0) return;
  if (entries[1].revents != 0) watch_->OnProbeEvent();
  if (entries[2].revents != 0) reloader_->OnProbeEvent();
  if (entries[3].revents != 0) out_.OnWritable();
  if (entries[4].revents != 0) log_.OnWritable();
  for (size_t i = 0; i < children_.size(); ++i) {
    if (entries[5 + i].revents != 0) ReadOutput(children_[i]);
  }
  if (entries[0].revents != 0) {
    ReadSignals();
    ReapExited();
  }
}

void Supervisor::Say(std::string_view text) {
  log_.Write(absl::StrCat("chorus: ", AbslView(text), "\n"));
}

}  // namespace chorus
