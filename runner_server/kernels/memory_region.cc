#include "runner_server/kernels/memory_region.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace chorus::runner {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;

// Gives back what lies before the first huge page boundary and after the region's end.
void* TrimToHugePage(char* mapping, size_t mapped_bytes, size_t size_bytes) {
  const uintptr_t start = reinterpret_cast<uintptr_t>(mapping);
  const size_t before = (kHugePageBytes - start % kHugePageBytes) % kHugePageBytes;
  const size_t page = sysconf(_SC_PAGESIZE);
  const size_t kept = (size_bytes + page - 1) / page * page;
  if (before > 0) munmap(mapping, before);
  if (mapped_bytes > before + kept) munmap(mapping + before + kept, mapped_bytes - before - kept);
  madvise(mapping + before, kept, MADV_HUGEPAGE);  // A hint; small pages work too.
  return mapping + before;
}

}  // namespace

absl::StatusOr<MemoryRegion> MemoryRegion::Create(size_t size_bytes, Paging paging,
                                                  const char* what) {
  if (size_bytes == 0) return MemoryRegion();
  const bool huge = paging == Paging::kHuge && size_bytes >= kHugePageBytes;
  const size_t mapped_bytes = size_bytes + (huge ? kHugePageBytes : 0);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (paging == Paging::kLazy ? MAP_NORESERVE : 0);
  void* mapping = mapped_bytes < size_bytes
                      ? MAP_FAILED
                      : mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapping == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for ", what, ", bytes: ", size_bytes));
  }
  if (huge) {
    mapping = TrimToHugePage(static_cast<char*>(mapping), mapped_bytes, size_bytes);
  } else if (paging == Paging::kLazy) {
    madvise(mapping, mapped_bytes, MADV_NOHUGEPAGE);
  }
  return MemoryRegion(mapping, size_bytes);
}

bool MemoryRegion::Resize(size_t size_bytes) {
  if (data_ == nullptr || size_bytes == 0) {
    absl::StatusOr<MemoryRegion> made = Create(size_bytes, Paging::kLazy, "");
    if (!made.ok()) return false;
    *this = *std::move(made);
    return true;
  }
  void* const moved = mremap(data_, size_bytes_, size_bytes, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) return false;
  data_ = moved;
  size_bytes_ = size_bytes;
  return true;
}

MemoryRegion::MemoryRegion(MemoryRegion&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

MemoryRegion& MemoryRegion::operator=(MemoryRegion&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

MemoryRegion::~MemoryRegion() {
  if (data_ != nullptr) munmap(data_, size_bytes_);
}

}  // namespace chorus::runner
