#include "cli/serve/runner_processes.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_split.h"
#include "base/read_file.h"

namespace chorus {
namespace {

constexpr int64_t kMaxPortsFileBytes = 4096;
constexpr char kReadyLine[] = "ready=true";

}  // namespace

RunnerProcess::RunnerProcess(const ChildSpec& spec, size_t child, size_t slot)
    : child(child), slot(slot), socket(spec.made_files[0]), ports_file(PortsFileOf(spec)) {}

bool RunnerProcess::IsReady() const {
  const std::vector<std::string> lines =
      absl::StrSplit(ReadFile(ports_file, kMaxPortsFileBytes).value_or(""), '\n');
  return std::ranges::find(lines, kReadyLine) != lines.end();
}

std::optional<size_t> FreeSlot(size_t num_slots, const std::vector<RunnerProcess>& processes) {
  for (size_t slot = 0; slot < num_slots; ++slot) {
    if (std::ranges::find(processes, slot, &RunnerProcess::slot) == processes.end()) return slot;
  }
  return std::nullopt;
}

std::vector<RunnerProcess> ProcessesOf(const std::vector<ServedRunner>& runners) {
  std::vector<RunnerProcess> processes;
  for (const ServedRunner& runner : runners) {
    processes.insert(processes.end(), runner.processes.begin(), runner.processes.end());
  }
  return processes;
}

std::vector<RunnerSockets> SocketsOf(const std::vector<ServedRunner>& runners) {
  std::vector<RunnerSockets> sockets;
  for (const ServedRunner& runner : runners) {
    sockets.push_back({runner.spec.name, {}});
    for (const RunnerProcess& process : runner.processes) {
      sockets.back().sockets.push_back(process.socket);
    }
  }
  return sockets;
}

}  // namespace chorus
