#pragma once

// The processes that serve the runners of `chorus serve`, as a Reloader keeps count of them.
//
// Thread safety: values.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "cli/serve/serve_plan.h"

namespace chorus {

struct RunnerProcess {
  // `child` is its number among the supervisor's children.
  RunnerProcess(const ChildSpec& spec, size_t child, size_t slot);

  // Whether it has loaded its model, as its ports file says.
  bool IsReady() const;

  size_t child;
  size_t slot;  // In the core lease.
  std::filesystem::path socket;
  std::filesystem::path ports_file;
  bool on_trial = false;  // It has not served yet.
  bool ended = false;     // While on trial.
};

// A runner and its processes.
struct ServedRunner {
  RunnerSpec spec;
  std::vector<RunnerProcess> processes;
};

// The first of so many slots that none of these has; unset if there is none.
std::optional<size_t> FreeSlot(size_t num_slots, const std::vector<RunnerProcess>& processes);

// All processes of the runners.
std::vector<RunnerProcess> ProcessesOf(const std::vector<ServedRunner>& runners);

// As the gateway is to know them.
std::vector<RunnerSockets> SocketsOf(const std::vector<ServedRunner>& runners);

}  // namespace chorus
