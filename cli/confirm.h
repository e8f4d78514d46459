#pragma once

// Asks before something is lost.
//
// Thread safety: free function without state.

#include <iostream>
#include <string>

namespace chorus {

// Asks on the terminal. True if the answer begins with y or Y; the end of the input is a no.
inline bool Confirm(const std::string& question) {
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && (answer.starts_with("y") || answer.starts_with("Y"));
}

}  // namespace chorus
