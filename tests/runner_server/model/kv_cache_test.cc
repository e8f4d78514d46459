#include "runner_server/model/kv_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {
namespace {

// What a query gets that attends to token `position` of a head, and to nothing else by any weight
// that counts: but for the last bit, where the CPU rounds to odd.
std::vector<float> ValueAt(const KvCache& cache, int head_size, int slot, int layer, int head,
                           int position) {
  const std::vector<float> q(head_size, 100);
  std::vector<float> scratch(AttentionScratchSize(head_size, position + 1)), out(head_size);
  AttentionArgs args = {.q = q.data(),
                        .q_stride = head_size,
                        .num_queries = 1,
                        .head_size = head_size,
                        .num_keys = position + 1,
                        .scratch = scratch.data(),
                        .out = out.data(),
                        .out_stride = head_size};
  cache.Bind(slot, layer, head, args);
  Kernels().attention(args);
  return out;
}

class KvCacheTest : public testing::TestWithParam<KvElement> {
 protected:
  static constexpr int kHeadSize = 64;
  static constexpr int kContext = 256;

  static KvCache Create(int64_t max_bytes = 0) {
    return KvCache::Create({.num_slots = 3,
                            .num_layers = 2,
                            .num_heads = 3,
                            .head_size = kHeadSize,
                            .context_size = kContext,
                            .element = GetParam(),
                            .max_bytes = max_bytes})
        .value();
  }

  // Each key is larger than the one before, so that the last one that a query sees takes it all.
  static void Fill(KvCache& cache, int slot, int num_tokens, float value) {
    cache.Reserve(slot, num_tokens);
    for (int layer = 0; layer < 2; ++layer) {
      for (int head = 0; head < 3; ++head) {
        for (int t = 0; t < num_tokens; ++t) {
          const std::vector<float> key(kHeadSize, static_cast<float>(t) / 4);
          const std::vector<float> values(kHeadSize, value + static_cast<float>(10 * layer + head));
          cache.Store(slot, layer, head, t, key.data(), values.data());
        }
      }
    }
  }

  static void ExpectHolds(const KvCache& cache, int slot, int position, float value) {
    for (int layer = 0; layer < 2; ++layer) {
      for (int head = 0; head < 3; ++head) {
        EXPECT_THAT(ValueAt(cache, kHeadSize, slot, layer, head, position),
                    testing::Each(testing::FloatEq(value + static_cast<float>(10 * layer + head))))
            << "slot " << slot << " layer " << layer << " head " << head << " at " << position;
      }
    }
  }

  // Of the slot's whole context; addresses that were given back hold nothing.
  static int64_t CommittedBytes(const KvCache& cache, int slot) {
    AttentionArgs args;
    cache.Bind(slot, 0, 0, args);
    if (args.keys == nullptr) return 0;
    int64_t num_pages = 0;
    for (int64_t at = 0; at < kContext * cache.bytes_per_token(); at += 4096) {
      unsigned char resident = 0;
      if (mincore(const_cast<char*>(args.keys) + at, 4096, &resident) == 0)
        num_pages += resident & 1;
    }
    return 4096 * num_pages;
  }
};

TEST_P(KvCacheTest, GivesEachHeadItsOwnMemory) {
  KvCache cache = Create();
  for (int slot = 0; slot < 3; ++slot) Fill(cache, slot, 50, static_cast<float>(1 + 50 * slot));
  for (int slot = 0; slot < 3; ++slot) {
    for (const int position : {0, 1, 15, 16, 49}) {
      ExpectHolds(cache, slot, position, static_cast<float>(1 + 50 * slot));
    }
  }
}

TEST_P(KvCacheTest, CommitsWhatItSaysATokenCosts) {
  KvCache cache = Create();
  const int64_t element_bytes = GetParam() == KvElement::kFloat32 ? 4 : 2;
  EXPECT_EQ(cache.bytes_per_token(), 2 * 3 * (64 + 64) * element_bytes);
  EXPECT_EQ(cache.block_tokens(), 16);
  for (const int num_tokens : {1, 16, 17, 100, 256}) {
    Fill(cache, 1, num_tokens, 1);
    EXPECT_EQ(CommittedBytes(cache, 1), (num_tokens + 15) / 16 * 16 * cache.bytes_per_token());
  }
  EXPECT_EQ(CommittedBytes(cache, 0), 0);
}

TEST_P(KvCacheTest, ReleasesWhatIsNotKept) {
  KvCache cache = Create();
  for (int slot = 0; slot < 3; ++slot) Fill(cache, slot, kContext, 1);
  cache.Release(1, 40);
  EXPECT_EQ(CommittedBytes(cache, 1), 48 * cache.bytes_per_token());
  for (const int position : {0, 20, 39}) ExpectHolds(cache, 1, position, 1);
  cache.Release(1, 0);
  EXPECT_EQ(CommittedBytes(cache, 1), 0);
  for (const int neighbour : {0, 2}) {
    EXPECT_EQ(CommittedBytes(cache, neighbour), kContext * cache.bytes_per_token());
    ExpectHolds(cache, neighbour, kContext - 1, 1);
  }
}

TEST_P(KvCacheTest, FollowsItsSequencesUnderACap) {
  const int64_t bytes_per_token = Create().bytes_per_token();
  KvCache cache = Create(/*max_bytes=*/400 * bytes_per_token);
  for (const int num_tokens : {1, 16, 40, 100}) {
    for (int slot = 0; slot < 3; ++slot) {
      Fill(cache, slot, num_tokens, static_cast<float>(1 + 50 * slot));
    }
  }
  cache.Reserve(1, 180);  // Moves what is there.
  for (int slot = 0; slot < 3; ++slot)
    ExpectHolds(cache, slot, 99, static_cast<float>(1 + 50 * slot));
  cache.Release(1, 20);
  ExpectHolds(cache, 1, 19, 51);
  cache.Release(1, 0);
  Fill(cache, 1, kContext, 7);
  ExpectHolds(cache, 1, kContext - 1, 7);
}

TEST_P(KvCacheTest, CopiesAPrefixOfOneLayer) {
  KvCache cache = Create();
  Fill(cache, 0, kContext, 1);
  Fill(cache, 2, kContext, 2);
  for (int layer = 0; layer < 2; ++layer) cache.CopyPrefix(2, 0, layer, /*num_tokens=*/20);
  for (const int position : {0, 16, 19}) ExpectHolds(cache, 0, position, 2);
  for (const int position : {32, 100, 255}) ExpectHolds(cache, 0, position, 1);
  ExpectHolds(cache, 2, 100, 2);
}

INSTANTIATE_TEST_SUITE_P(Elements, KvCacheTest,
                         testing::Values(KvElement::kFloat32, KvElement::kBfloat16),
                         [](const auto& info) {
                           return std::string(info.param == KvElement::kFloat32 ? "float32"
                                                                                : "bfloat16");
                         });

TEST(KvCacheBlocksTest, FillWholePages) {
  const auto block_tokens = [](int num_heads, int head_size, int context_size) {
    return KvCache::Create({.num_slots = 1,
                            .num_layers = 1,
                            .num_heads = num_heads,
                            .head_size = head_size,
                            .context_size = context_size})
        ->block_tokens();
  };
  EXPECT_EQ(block_tokens(12, 64, 1024), 16);  // 12 (4096 + 4096) bytes.
  EXPECT_EQ(block_tokens(1, 80, 1024), 32);   // 5120 + 5120 bytes.
  EXPECT_EQ(block_tokens(1, 20, 1024), 256);  // 1280 + 2048 bytes.
  EXPECT_EQ(block_tokens(1, 20, 100), 112);   // A whole slot.
}

TEST(KvCacheLimitTest, NamesTheFlagsWhereAddressesAreRefused) {
  struct Case {
    int num_slots, context_size;
    int64_t max_bytes;
    std::string_view message;
  };
  for (const Case& c : std::vector<Case>{
           {2'000'000'000, 1'000'000'000, 0,
            "no address space for the KV cache (2000000000 sequences of 1000000000 tokens). Give a "
            "smaller --max_sequences, or --kv_cache_bytes; or raise the limit, of ulimit -v or "
            "vm.overcommit_memory"},
           {10'000, 1'000'000, 0,
            "no address space for the KV cache, bytes: 5120000000000000 (10000 sequences of "
            "1000000 "
            "tokens). Give a smaller --max_sequences, or --kv_cache_bytes; or raise the limit, of "
            "ulimit -v or vm.overcommit_memory"},
           {10'000, 1'000'000, 4'000'000'000'000'000,
            "no address space for the KV cache, bytes: 5000000000000000 (--kv_cache_bytes "
            "4000000000000000 and a quarter). Give a smaller --kv_cache_bytes; or raise the limit, "
            "of ulimit -v or vm.overcommit_memory"}}) {
    const absl::Status status = KvCache::Create({.num_slots = c.num_slots,
                                                 .num_layers = 100,
                                                 .num_heads = 10,
                                                 .head_size = 64,
                                                 .context_size = c.context_size,
                                                 .max_bytes = c.max_bytes})
                                    .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(std::string(status.message()), c.message);
  }
}

TEST(KvCacheLimitTest, TakesAddressesForItsCapOnly) {
  const auto num_pages = [] {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages;
  };
  const int64_t before = num_pages();
  KvCache cache = KvCache::Create({.num_slots = 1000,
                                   .num_layers = 100,
                                   .num_heads = 10,
                                   .head_size = 64,
                                   .context_size = 1'000'000,
                                   .max_bytes = int64_t{64} << 20})
                      .value();
  for (int slot = 0; slot < 8; ++slot) cache.Reserve(slot, 16);  // 8,192,000 bytes each.
  EXPECT_LE((num_pages() - before) * 4096, int64_t{81} << 20);
  for (int slot = 0; slot < 8; ++slot) cache.Release(slot, 0);
  EXPECT_LE((num_pages() - before) * 4096, int64_t{1} << 20);
}

}  // namespace
}  // namespace chorus::runner
