#include "model_store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace chorus::store {

FileLock::FileLock(const std::filesystem::path& path) {
  constexpr int kFlags = O_CREAT | O_NOFOLLOW | O_CLOEXEC;
  fd_ = ::open(path.c_str(), O_RDWR | kFlags, 0666);
  // Another user's. NFS alone wants to write to what it locks.
  if (fd_ < 0) fd_ = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd_ < 0) return;
  while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace chorus::store
