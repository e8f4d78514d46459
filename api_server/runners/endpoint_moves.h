#pragma once

// The endpoints of a runner while some take the place of others: one that is no longer listed stays
// for each that is new, until that serves, and one while none that is listed serves, so that there
// is always one that takes calls.
//
// Pure. Thread safety: none.

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

namespace chorus::gateway {

class EndpointMoves {
 public:
  // Whether an endpoint has a replica that serves what is asked of the runner.
  using Serves = absl::FunctionRef<bool(const std::string& endpoint)>;

  explicit EndpointMoves(const std::vector<std::string>& endpoints);

  // Lists others.
  void Set(const std::vector<std::string>& endpoints);

  // Those that need not stay any more; they are forgotten.
  //
  // Example: of {a, b} to {c}: first a, and b once c serves. To {a}: b at once if a serves. To {}:
  // both.
  std::vector<std::string> Leave(Serves serves);

  // Also of those that stay for others, as the next.
  bool Has(const std::string& endpoint) const;
  std::vector<std::string> all() const;

  // Those that are listed, and have been waited for since they were new.
  std::vector<std::string> awaited() const;

  // Whether one stays for another.
  bool moving() const;

 private:
  struct Entry {
    std::string endpoint;
    bool waiting = false;  // New, and has not served yet.
    bool leaving = false;  // No longer listed.
  };

  std::vector<Entry> entries_;
};

}  // namespace chorus::gateway
