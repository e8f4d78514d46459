#include "runner_server/model/kv_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus {
namespace {

TEST(KvCacheTest, GivesEachHeadItsOwnMemory) {
  // Head size 20 is padded to 32 in the values; 17 tokens need 2 key blocks.
  const KvCache cache =
      KvCache::Create(
          {.num_slots = 2, .num_layers = 3, .num_heads = 4, .head_size = 20, .context_size = 17})
          .value();
  EXPECT_EQ(cache.value_stride(), 32);
  std::vector<const char*> starts;
  for (int slot = 0; slot < 2; ++slot) {
    for (int layer = 0; layer < 3; ++layer) {
      for (int head = 0; head < 4; ++head) {
        starts.push_back(cache.Keys(slot, layer, head));
        EXPECT_EQ(cache.Values(slot, layer, head) - starts.back(), 32 * 20 * 4);
      }
    }
  }
  for (size_t i = 1; i < starts.size(); ++i) {
    EXPECT_EQ(starts[i] - starts[i - 1], (32 * 20 + 17 * 32) * 4) << i;
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

TEST(KvCacheTest, StoresKeysAndValuesWhereAttentionReadsThem) {
  const std::vector<float> key = {1, 2, 3}, value = {4, 5, 6};
  for (const KvElement element : {KvElement::kFloat32, KvElement::kBfloat16}) {
    const KvCache cache = KvCache::Create({.num_slots = 2,
                                           .num_layers = 1,
                                           .num_heads = 2,
                                           .head_size = 3,
                                           .context_size = 40,
                                           .element = element})
                              .value();
    cache.Store(1, 0, 1, /*position=*/18, key.data(), value.data());
    // A query that sees position 18 alone, the others scoring far less, gets its value.
    const std::vector<float> q = {100, 100, 100};
    std::vector<float> scores(kMaxQueryTile * PaddedKeys(19)), out(3);
    Kernels().attention({.q = q.data(),
                         .q_stride = 3,
                         .num_queries = 1,
                         .head_size = 3,
                         .element = cache.element(),
                         .keys = cache.Keys(1, 0, 1),
                         .values = cache.Values(1, 0, 1),
                         .value_stride = cache.value_stride(),
                         .num_keys = 19,
                         .scores = scores.data(),
                         .out = out.data(),
                         .out_stride = 3});
    EXPECT_THAT(out, testing::ElementsAre(4, 5, 6));
  }
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
