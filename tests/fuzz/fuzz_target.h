#pragma once

// What a fuzz target and its driver share. A target is libFuzzer's entry point: it must take any
// bytes, and abort through FUZZ_ASSERT when what the code under test promises is not so.
//
// With gcc the targets run under fuzz_driver.cc, a bounded run of seeded mutations that ctest
// starts. With clang, compile a target with -fsanitize=fuzzer,address in place of the driver.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#define FUZZ_ASSERT(condition)                                                       \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

namespace chorus {

// Takes the text up to the next newline, or all, off the front of `rest`.
inline std::string_view TakeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

}  // namespace chorus
