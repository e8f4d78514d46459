#pragma once

// One child process for the supervisor to run.
//
// Thread safety: a value.

#include <filesystem>
#include <string>
#include <vector>

#include "cli/supervision_plan.h"

namespace chorus {

struct ChildSpec {
  SupervisionPlan::Child child;
  std::vector<std::string> argv;  // argv[0] is the executable's path.
  // Files it makes; removed before each start, so that none is taken for the new process's.
  std::vector<std::filesystem::path> made_files;
};

}  // namespace chorus
