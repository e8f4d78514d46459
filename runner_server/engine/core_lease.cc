#include "runner_server/engine/core_lease.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace chorus::runner {

absl::StatusOr<std::unique_ptr<CoreLease>> CoreLease::Open(const Options& options) {
  const auto error = [&](const char* what) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot ", what, " the core lease ", options.file.native()));
  };
  const int fd = ::open(options.file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return error("open");
  struct stat stat = {};
  void* mapped = MAP_FAILED;
  if (::fstat(fd, &stat) == 0 && stat.st_size > 0) {
    mapped = ::mmap(nullptr, stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  const absl::Status not_mapped = error("map");
  ::close(fd);
  const size_t num_slots = stat.st_size / kSlotBytes;
  if (options.slot < 0 || static_cast<size_t>(options.slot) >= num_slots) {
    if (mapped != MAP_FAILED) ::munmap(mapped, stat.st_size);
    return absl::InvalidArgumentError(absl::StrCat("the slot must be in the core lease ",
                                                   options.file.native(), ", which has ", num_slots,
                                                   ": ", options.slot));
  }
  if (mapped == MAP_FAILED) return not_mapped;
  return std::unique_ptr<CoreLease>(
      new CoreLease(std::span(static_cast<Slot*>(mapped), num_slots), options));
}

CoreLease::~CoreLease() {
  SetBusyUntil(Clock::time_point());
  ::munmap(slots_.data(), slots_.size_bytes());
}

// Relaxed all over: whoever reads a moment too early what another writes has, for one step, a
// thread more or less than its share.
int CoreLease::BeginStep(Clock::time_point now) {
  SetBusyUntil(now + kLongestStep);
  int num_busy = 0, rank = 0;
  for (int slot = 0; slot < std::ssize(slots_); ++slot) {
    const int64_t busy_until = slots_[slot].busy_until.load(std::memory_order_relaxed);
    if (busy_until <= now.time_since_epoch().count()) continue;
    ++num_busy;
    if (slot < slot_) ++rank;
  }
  return CoreShare(num_cores_, num_busy, rank);
}

void CoreLease::EndStep(Clock::time_point now) { SetBusyUntil(now + kLinger); }

void CoreLease::SetBusyUntil(Clock::time_point time) {
  slots_[slot_].busy_until.store(time.time_since_epoch().count(), std::memory_order_relaxed);
}

}  // namespace chorus::runner
