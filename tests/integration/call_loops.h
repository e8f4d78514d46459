#pragma once

// Calls that a test makes one after the other, of several kinds at once, while it does something
// else to the server; what failed is kept.
//
// Thread safety: none; the calls run on threads of their own.

#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace chorus {

class CallLoops {
 public:
  // `call` returns what went wrong, or nothing.
  void Add(const std::string& name, std::function<std::string()> call);

  // Ends the loops; expects more than so many calls of each kind, and that none failed.
  void ExpectNoFailures(int num_calls);

 private:
  struct Loop {
    std::string name;
    std::mutex mutex;
    int num_calls = 0;                  // Guarded by mutex.
    std::vector<std::string> failures;  // Guarded by mutex.
    std::jthread thread;
  };

  std::list<Loop> loops_;
};

}  // namespace chorus
