#pragma once

// An exclusive lock, of processes and of threads, on a file of its own that stays.
//
// Where a disk has no locks, as some network file systems, or the file cannot be made, it locks
// nothing (docs/decisions/0023).
//
// Thread safety: none; a value of one thread.

#include <filesystem>

namespace chorus::store {

class FileLock {
 public:
  // Blocks until nobody else has it. Not to be taken twice by one thread.
  explicit FileLock(const std::filesystem::path& path);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int fd_;
};

}  // namespace chorus::store
