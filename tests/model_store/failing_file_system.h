#pragma once

// A disk that fails, or a machine that stops, at a chosen operation.

#include <unistd.h>

#include <string>

#include "model_store/file_system.h"
#include "tests/base/temp_directory.h"

namespace chorus::store {

// Does the real thing until operation number `fail_at`, counted from 0; that one writes half of
// what it should and then returns `error`, or, when that is 0, ends the process.
class FailingFileSystem : public FileSystem {
 public:
  FailingFileSystem(int fail_at, int error) : fail_at_(fail_at), error_(error) {}

  absl::Status CreateDirectory(const std::filesystem::path& path) override {
    if (Fails()) return Fail(path);
    return Real().CreateDirectory(path);
  }
  absl::StatusOr<FileDigest> CopyFile(const std::filesystem::path& from,
                                      const std::filesystem::path& to) override {
    if (!Fails()) return Real().CopyFile(from, to);
    PutFile(to, GetFile(from).substr(0, 3));
    return Fail(to);
  }
  absl::Status WriteFile(const std::filesystem::path& path, std::string_view contents) override {
    if (!Fails()) return Real().WriteFile(path, contents);
    PutFile(path, contents.substr(0, contents.size() / 2));
    return Fail(path);
  }
  absl::Status SyncDirectory(const std::filesystem::path& path) override {
    if (Fails()) return Fail(path);
    return Real().SyncDirectory(path);
  }
  absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to,
                      RenameMode mode) override {
    if (Fails()) return Fail(to);
    return Real().Rename(from, to, mode);
  }

  bool failed() const { return num_operations_ > fail_at_; }

 private:
  bool Fails() { return num_operations_++ == fail_at_; }
  absl::Status Fail(const std::filesystem::path& path) const {
    if (error_ == 0) _exit(9);
    return absl::ErrnoToStatus(error_, "cannot write " + path.native());
  }

  const int fail_at_;
  const int error_;
  int num_operations_ = 0;
};

}  // namespace chorus::store
