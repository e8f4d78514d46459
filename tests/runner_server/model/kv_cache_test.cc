#include "runner_server/model/kv_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/status/status.h"

namespace chorus {
namespace {

TEST(KvCacheTest, GivesEachHeadItsOwnMemory) {
  // Head size 20 is padded to 32 in the values; 17 tokens need 2 key blocks.
  const KvCache cache =
      KvCache::Create(
          {.num_slots = 2, .num_layers = 3, .num_heads = 4, .head_size = 20, .context_size = 17})
          .value();
  EXPECT_EQ(cache.value_stride(), 32);
  std::vector<const float*> starts;
  for (int slot = 0; slot < 2; ++slot) {
    for (int layer = 0; layer < 3; ++layer) {
      for (int head = 0; head < 4; ++head) {
        starts.push_back(cache.Keys(slot, layer, head));
        EXPECT_EQ(cache.Values(slot, layer, head) - starts.back(), 32 * 20);
      }
    }
  }
  for (size_t i = 1; i < starts.size(); ++i) {
    EXPECT_EQ(starts[i] - starts[i - 1], 32 * 20 + 17 * 32) << i;
  }
}

constexpr KvCache::Shape kPageSized = {
    .num_slots = 3, .num_layers = 2, .num_heads = 3, .head_size = 64, .context_size = 256};

// Writes as the model does: the keys' lanes and the values of tokens [0, num_tokens).
void Fill(const KvCache& cache, int slot, int num_tokens, float value) {
  const std::vector<float> key(kPageSized.head_size, value);
  for (int layer = 0; layer < kPageSized.num_layers; ++layer) {
    for (int head = 0; head < kPageSized.num_heads; ++head) {
      for (int t = 0; t < num_tokens; ++t) {
        StoreKey(key.data(), kPageSized.head_size, t, cache.Keys(slot, layer, head));
        std::copy(key.begin(), key.end(),
                  cache.Values(slot, layer, head) + t * cache.value_stride());
      }
    }
  }
}

int64_t CommittedBytes(const KvCache& cache, int slot) {
  char* const begin = reinterpret_cast<char*>(cache.Keys(slot, 0, 0));
  char* const end = reinterpret_cast<char*>(cache.Keys(slot + 1, 0, 0));
  std::vector<unsigned char> resident((end - begin) / 4096);
  EXPECT_EQ(mincore(begin, end - begin, resident.data()), 0);
  return 4096 * std::count_if(resident.begin(), resident.end(), [](auto page) { return page & 1; });
}

TEST(KvCacheTest, CommitsWhatItSaysATokenCosts) {
  const KvCache cache = KvCache::Create(kPageSized).value();
  EXPECT_EQ(cache.bytes_per_token(), 2 * 3 * (64 + 64) * 4);
  EXPECT_EQ(cache.block_tokens(), 16);
  for (const int num_tokens : {1, 16, 17, 100, 256}) {
    Fill(cache, 1, num_tokens, 1);
    EXPECT_EQ(CommittedBytes(cache, 1), (num_tokens + 15) / 16 * 16 * cache.bytes_per_token());
  }
  EXPECT_EQ(CommittedBytes(cache, 0), 0);
}

TEST(KvCacheTest, CountsBlocksOfWholePages) {
  const auto block_tokens = [](int head_size, int context_size) {
    return KvCache::Create({.num_slots = 1,
                            .num_layers = 1,
                            .num_heads = 1,
                            .head_size = head_size,
                            .context_size = context_size})
        ->block_tokens();
  };
  EXPECT_EQ(block_tokens(128, 1024), 16);
  EXPECT_EQ(block_tokens(80, 1024), 64);
  EXPECT_EQ(block_tokens(20, 1024), 256);
  EXPECT_EQ(block_tokens(20, 100), 112);  // A whole slot.
}

TEST(KvCacheTest, ReleasesWhatIsNotKept) {
  const KvCache cache = KvCache::Create(kPageSized).value();
  for (int slot = 0; slot < 3; ++slot) Fill(cache, slot, 256, 1);
  const int64_t whole = 256 * cache.bytes_per_token();
  cache.Release(1, 40);
  EXPECT_EQ(CommittedBytes(cache, 1), 48 * cache.bytes_per_token());
  for (int t = 0; t < 40; ++t) {
    EXPECT_EQ(cache.Keys(1, 1, 2)[t / 16 * 64 * 16 + t % 16], 1);
    EXPECT_EQ(cache.Values(1, 1, 2)[t * 64], 1);
  }
  cache.Release(1, 0);
  EXPECT_EQ(CommittedBytes(cache, 1), 0);
  for (const int neighbour : {0, 2}) EXPECT_EQ(CommittedBytes(cache, neighbour), whole);
}

TEST(KvCacheTest, CopiesAPrefixOfOneHead) {
  const KvCache cache = KvCache::Create(kPageSized).value();
  Fill(cache, 0, 256, 1);
  Fill(cache, 2, 256, 2);
  cache.CopyPrefix(/*from_slot=*/2, /*to_slot=*/0, /*layer=*/1, /*head=*/2, /*num_tokens=*/20);
  for (int t = 0; t < 256; ++t) {
    EXPECT_EQ(cache.Values(0, 1, 2)[t * 64], t < 20 ? 2 : 1) << t;
    // Keys are copied in blocks of 16.
    EXPECT_EQ(cache.Keys(0, 1, 2)[t / 16 * 64 * 16 + t % 16], t < 32 ? 2 : 1) << t;
    EXPECT_EQ(cache.Values(0, 1, 1)[t * 64], 1) << t;
  }
}

TEST(KvCacheTest, RefusesWhatHasNoAddresses) {
  EXPECT_EQ(KvCache::Create({.num_slots = 2'000'000'000,
                             .num_layers = 1000,
                             .num_heads = 1000,
                             .head_size = 1000,
                             .context_size = 1'000'000})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(StoreKeyTest, PutsATokenInItsLaneOfItsBlock) {
  const std::vector<float> key = {1, 2, 3};
  std::vector<float> keys(2 * 3 * 16, 0);
  StoreKey(key.data(), 3, /*position=*/18, keys.data());
  for (int d = 0; d < 3; ++d) {
    EXPECT_EQ(keys[3 * 16 + d * 16 + 2], key[d]);
  }
  EXPECT_EQ(std::count(keys.begin(), keys.end(), 0), 2 * 3 * 16 - 3);
}

}  // namespace
}  // namespace chorus
