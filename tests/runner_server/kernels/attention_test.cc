#include "runner_server/kernels/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus {
namespace {

struct Heads {
  std::vector<float> q, keys, values;
};

class AttentionTest : public KernelTest {
 protected:
  // What lies past the last key is NaN: a kernel that lets it through is caught.
  Heads MakeHeads(int num_queries, int num_keys, int head_size) {
    Heads heads = {
        .q = RandomFloats(static_cast<size_t>(num_queries) * head_size),
        .keys = RandomFloats(static_cast<size_t>(PaddedKeys(num_keys)) * head_size),
        .values = RandomFloats(static_cast<size_t>(num_keys + 1) * PaddedHeadSize(head_size))};
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    for (int t = num_keys; t < PaddedKeys(num_keys); ++t) {
      for (int d = 0; d < head_size; ++d) {
        heads.keys[(t / kKeyBlock * head_size + d) * kKeyBlock + t % kKeyBlock] = kNan;
      }
    }
    for (size_t i = static_cast<size_t>(num_keys) * PaddedHeadSize(head_size);
         i < heads.values.size(); ++i) {
      heads.values[i] = kNan;
    }
    return heads;
  }

  static AttentionArgs MakeArgs(const Heads& heads, int num_queries, int head_size) {
    return {.q = heads.q.data(),
            .q_stride = head_size,
            .num_queries = num_queries,
            .head_size = head_size,
            .scale = 1 / std::sqrt(static_cast<float>(head_size)),
            .keys = heads.keys.data(),
            .values = heads.values.data(),
            .value_stride = PaddedHeadSize(head_size),
            .out_stride = head_size};
  }

  // With NaN in the scratch, so that nothing of it is used before it is written.
  std::vector<float> Run(AttentionArgs args) {
    const int most_keys = args.num_keys + (args.causal ? args.num_queries - 1 : 0);
    std::vector<float> scores(static_cast<size_t>(kMaxQueryTile) * PaddedKeys(most_keys),
                              std::numeric_limits<float>::quiet_NaN());
    std::vector<float> out(static_cast<size_t>(args.num_queries) * args.out_stride);
    args.scores = scores.data();
    args.out = out.data();
    kernels().attention(args);
    return out;
  }
};

TEST_P(AttentionTest, EqualsReference) {
  for (const int head_size : {1, 8, 16, 24, 32, 64, 80, 128}) {
    for (const int num_queries : {1, 2, 3, 4, 5, 7, 18}) {
      for (const int past : {0, 1, 14, 15, 16, 31, 100}) {
        for (const bool causal : {false, true}) {
          const int num_keys = causal ? past + num_queries : past + 1;
          const Heads heads = MakeHeads(num_queries, num_keys, head_size);
          AttentionArgs args = MakeArgs(heads, num_queries, head_size);
          args.num_keys = past + 1;
          args.causal = causal;
          const std::vector<float> actual = Run(args);
          std::vector<float> expected(actual.size());
          args.out = expected.data();
          ReferenceAttention(args);
          for (size_t i = 0; i < actual.size(); ++i) {
            ASSERT_NEAR(actual[i], expected[i], 3e-6)
                << "head_size " << head_size << " queries " << num_queries << " past " << past
                << " causal " << causal;
          }
        }
      }
    }
  }
}

TEST_P(AttentionTest, GivesAQueryTheSameBitsAloneAndInAnyChunk) {
  for (const int head_size : {24, 64}) {
    const int length = 70;
    const Heads heads = MakeHeads(length, length, head_size);
    AttentionArgs args = MakeArgs(heads, length, head_size);
    args.num_keys = 1;
    args.causal = true;
    const std::vector<float> whole = Run(args);
    for (const int chunk : {1, 2, 3, 5, 16, 33}) {
      for (int start = 0; start < length; start += chunk) {
        args.q = heads.q.data() + start * head_size;
        args.num_queries = std::min(chunk, length - start);
        args.num_keys = start + 1;
        const std::vector<float> part = Run(args);
        ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + start * head_size))
            << "chunk " << chunk << " start " << start;
      }
    }
  }
}

TEST_P(AttentionTest, SurvivesScoresFarApart) {
  Heads heads = MakeHeads(1, 20, 16);
  for (float& x : heads.q) x = 1000;
  AttentionArgs args = MakeArgs(heads, 1, 16);
  args.num_keys = 20;
  const std::vector<float> actual = Run(args);
  std::vector<float> expected(actual.size());
  args.out = expected.data();
  ReferenceAttention(args);
  EXPECT_THAT(actual, testing::Pointwise(testing::FloatNear(1e-4f), expected));
}

CHORUS_FOR_ALL_KERNELS(AttentionTest);

}  // namespace
}  // namespace chorus
