#include "runner_server/model/find_executor.h"

#include <dlfcn.h>

#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "runner_server/model/native_executor.h"

namespace chorus::runner {
namespace {

constexpr char kLibrary[] = "libchorus_torch.so";

absl::StatusOr<const Executor*> LoadTorch() {
  // Threads that wait by spinning would take the cores from other runners. libgomp reads it once.
  setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);
  // Its symbols, and libtorch's, are of no concern to the program's.
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--executor torch, which every --device but the cpu takes, cannot be loaded: ", dlerror(),
        ". ./dev build chorus_torch makes it where libtorch is; the image runner_server_torch has "
        "it"));
  }
  const auto get = reinterpret_cast<const Executor* (*)()>(dlsym(library, "ChorusTorchExecutor"));
  if (get == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(kLibrary, " is of another version of Chorus: ", dlerror()));
  }
  return get();
}

}  // namespace

absl::StatusOr<const Executor*> FindExecutor(std::string_view name, std::string_view device) {
  if (name == "native" || (name == "auto" && device == "cpu")) return &NativeExecutor();
  static const absl::StatusOr<const Executor*> torch = LoadTorch();
  return torch;
}

}  // namespace chorus::runner
