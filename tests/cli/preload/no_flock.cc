// For LD_PRELOAD: flock as it is on some network file systems. It locks nothing; NO_FLOCK_ERRNO
// says what it returns, 0 for success.

#include <cerrno>
#include <cstdlib>

extern "C" int flock(int, int) {
  const char* error = std::getenv("NO_FLOCK_ERRNO");
  errno = error == nullptr ? 0 : std::atoi(error);
  return errno == 0 ? 0 : -1;
}
