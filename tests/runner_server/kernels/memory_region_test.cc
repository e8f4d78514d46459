#include "runner_server/kernels/memory_region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace chorus::runner {
namespace {

using Paging = MemoryRegion::Paging;

int CommittedPages(const MemoryRegion& region) {
  std::vector<unsigned char> pages(region.size_bytes() / 4096);
  EXPECT_EQ(mincore(region.floats(), region.size_bytes(), pages.data()), 0);
  return static_cast<int>(std::count_if(pages.begin(), pages.end(), [](auto p) { return p & 1; }));
}

TEST(MemoryRegionTest, IsZeroedAndWritableToTheEnd) {
  for (const Paging paging : {Paging::kHuge, Paging::kLazy}) {
    for (const size_t size : {size_t{4}, size_t{4096}, size_t{3} << 20}) {
      const MemoryRegion region = MemoryRegion::Create(size, paging, "a test").value();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(region.floats()) % 4096, 0u);
      float* last = region.floats() + size / sizeof(float) - 1;
      EXPECT_EQ(*region.floats(), 0);
      EXPECT_EQ(*last, 0);
      *last = 1;
    }
  }
}

TEST(MemoryRegionTest, CommitsLazyMemoryPageByPage) {
  const MemoryRegion region =
      MemoryRegion::Create(size_t{64} << 20, Paging::kLazy, "a test").value();
  EXPECT_EQ(CommittedPages(region), 0);
  region.floats()[5'000'000] = 1;
  EXPECT_EQ(CommittedPages(region), 1);
}

TEST(MemoryRegionTest, RefusesWhatCannotBeHad) {
  for (const size_t size : {std::numeric_limits<size_t>::max(), size_t{1} << 60}) {
    for (const Paging paging : {Paging::kHuge, Paging::kLazy}) {
      const absl::Status status = MemoryRegion::Create(size, paging, "a test").status();
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
      EXPECT_THAT(std::string(status.message()), testing::HasSubstr("a test"));
    }
  }
}

TEST(MemoryRegionTest, ChangesItsSizeAndKeepsWhatItHas) {
  MemoryRegion region;
  ASSERT_TRUE(region.Resize(8192));
  region.floats()[0] = 3;
  region.floats()[2047] = 4;
  ASSERT_TRUE(region.Resize(size_t{64} << 20));
  EXPECT_EQ(region.size_bytes(), size_t{64} << 20);
  EXPECT_EQ(region.floats()[2047], 4);
  EXPECT_EQ(region.floats()[(size_t{16} << 20) - 1], 0);
  EXPECT_FALSE(region.Resize(size_t{1} << 60));
  ASSERT_TRUE(region.Resize(4096));
  EXPECT_EQ(region.floats()[0], 3);
  ASSERT_TRUE(region.Resize(8192));
  EXPECT_EQ(region.floats()[2047], 0);
  ASSERT_TRUE(region.Resize(0));
  EXPECT_EQ(region.data(), nullptr);
}

TEST(MemoryRegionTest, MovesAndEmpties) {
  MemoryRegion first = MemoryRegion::Create(4096, Paging::kLazy, "a test").value();
  first.floats()[0] = 3;
  MemoryRegion second = std::move(first);
  EXPECT_EQ(second.floats()[0], 3);
  EXPECT_EQ(MemoryRegion::Create(0, Paging::kHuge, "a test").value().floats(), nullptr);
}

}  // namespace
}  // namespace chorus::runner
