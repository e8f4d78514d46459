#include "tests/integration/call_loops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <utility>

namespace chorus {

void CallLoops::Add(const std::string& name, std::function<std::string()> call) {
  Loop& loop = loops_.emplace_back();
  loop.name = name;
  loop.thread = std::jthread([&loop, call = std::move(call)](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const std::string failure = call();
      const std::lock_guard lock(loop.mutex);
      ++loop.num_calls;
      if (!failure.empty()) loop.failures.push_back(failure);
    }
  });
}

void CallLoops::ExpectNoFailures(int num_calls) {
  for (Loop& loop : loops_) loop.thread.request_stop();
  for (Loop& loop : loops_) {
    loop.thread.join();
    EXPECT_THAT(loop.failures, ::testing::IsEmpty()) << loop.name;
    EXPECT_GT(loop.num_calls, num_calls) << loop.name;
  }
}

}  // namespace chorus
