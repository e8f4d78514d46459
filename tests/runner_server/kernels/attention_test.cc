#include "runner_server/kernels/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

// Keys and values as store_kv puts them, and what they were.
struct Heads {
  std::vector<float> q;
  std::vector<char> keys, values;
};

class AttentionTest : public testing::TestWithParam<std::tuple<const KernelTable*, KvElement>>,
                      protected RandomFloatSource {
 protected:
  const KernelTable& kernels() const { return *std::get<0>(GetParam()); }
  KvElement element() const { return std::get<1>(GetParam()); }

  // Blocks in which what lies past the last key, but for its lane's other half, is NaN: a kernel
  // that lets it through is caught.
  Heads MakeHeads(int num_queries, int num_keys, int head_size) {
    const ptrdiff_t key_bytes = KeyBlockBytes(element(), head_size);
    const ptrdiff_t value_bytes = ValueBlockBytes(element(), head_size);
    const int num_blocks = PaddedKeys(num_keys) / kKeyBlock;
    Heads heads = {.q = RandomFloats(static_cast<size_t>(num_queries) * head_size),
                   .keys = std::vector<char>(num_blocks * key_bytes, '\xFF'),
                   .values = std::vector<char>(num_blocks * value_bytes, '\xFF')};
    for (int t = 0; t < num_keys; ++t) {
      const std::vector<float> key = RandomFloats(head_size), value = RandomFloats(head_size);
      kernels().store_kv({.element = element(),
                          .head_size = head_size,
                          .position = t,
                          .key = key.data(),
                          .value = value.data(),
                          .keys = &heads.keys[t / kKeyBlock * key_bytes],
                          .values = &heads.values[t / kKeyBlock * value_bytes]});
    }
    return heads;
  }

  AttentionArgs MakeArgs(const Heads& heads, int num_queries, int head_size) const {
    return {.q = heads.q.data(),
            .q_stride = head_size,
            .num_queries = num_queries,
            .head_size = head_size,
            .scale = 1 / std::sqrt(static_cast<float>(head_size)),
            .element = element(),
            .keys = heads.keys.data(),
            .key_block_stride = KeyBlockBytes(element(), head_size),
            .values = heads.values.data(),
            .value_block_stride = ValueBlockBytes(element(), head_size),
            .value_row_stride = ptrdiff_t{4} * PaddedHeadSize(head_size),
            .out_stride = head_size};
  }

  // Weights of bf16 may round the other way where exp differs in its last place.
  float tolerance() const { return element() == KvElement::kFloat32 ? 3e-6f : 4e-3f; }

  // With NaN in the scratch, so that nothing of it is used before it is written.
  std::vector<float> Run(AttentionArgs args) {
    const int most_keys = args.num_keys + (args.causal ? args.num_queries - 1 : 0);
    std::vector<float> scratch(AttentionScratchSize(args.head_size, most_keys),
                               std::numeric_limits<float>::quiet_NaN());
    std::vector<float> out(static_cast<size_t>(args.num_queries) * args.out_stride);
    args.scratch = scratch.data();
    args.out = out.data();
    kernels().attention(args);
    return out;
  }
};

TEST_P(AttentionTest, EqualsReference) {
  for (const int head_size : {1, 8, 15, 16, 24, 32, 64, 80, 128}) {
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
            ASSERT_NEAR(actual[i], expected[i], tolerance())
                << "head_size " << head_size << " queries " << num_queries << " past " << past
                << " causal " << causal;
          }
        }
      }
    }
  }
}

// A window of the last keys, also one that ends past the last key there is, and capped scores.
TEST_P(AttentionTest, EqualsReferenceWithinAWindow) {
  for (const int head_size : {15, 64}) {
    for (const int window : {1, 2, 5, 16, 17, 40, 1000}) {
      for (const int past : {0, 3, 15, 16, 50}) {
        for (const int ahead : {0, 4, 30}) {
          for (const bool causal : {false, true}) {
            const int num_queries = 7;
            const int num_keys = past + (causal ? num_queries : 1);
            const Heads heads = MakeHeads(num_queries, num_keys, head_size);
            AttentionArgs args = MakeArgs(heads, num_queries, head_size);
            args.num_keys = past + 1 + ahead;
            args.causal = causal;
            args.most_keys = ahead == 0 ? 0 : num_keys;
            args.window = window + ahead;
            args.soft_cap = head_size == 64 ? 2 : 0;
            const std::vector<float> actual = Run(args);
            std::vector<float> expected(actual.size());
            args.out = expected.data();
            ReferenceAttention(args);
            for (size_t i = 0; i < actual.size(); ++i) {
              ASSERT_NEAR(actual[i], expected[i], tolerance())
                  << "head_size " << head_size << " window " << window << " past " << past
                  << " ahead " << ahead << " causal " << causal;
            }
          }
        }
      }
    }
  }
}

TEST_P(AttentionTest, GivesAQueryTheSameBitsAloneAndInAnyChunk) {
  for (const auto& [head_size, window] : {std::pair{24, 0}, {33, 0}, {64, 0}, {33, 9}, {64, 20}}) {
    const int length = 70;
    const Heads heads = MakeHeads(length, length, head_size);
    AttentionArgs args = MakeArgs(heads, length, head_size);
    args.num_keys = 1;
    args.causal = true;
    args.window = window;
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

// A score of minus infinity too is an overflow, not a weight of nothing.
TEST_P(AttentionTest, MakesNoNumberOfWhatIsNotFinite) {
  constexpr int kLength = 41, kHeadSize = 24, kBad = 20;
  for (const float bad : kNotFinite) {
    for (const char* where : {"query", "key", "value"}) {
      Heads heads = MakeHeads(kLength, kLength, kHeadSize);
      AttentionArgs args = MakeArgs(heads, kLength, kHeadSize);
      args.num_keys = 1;
      args.causal = true;
      const std::vector<float> clean = Run(args);
      std::vector<float> key = RandomFloats(kHeadSize), value = RandomFloats(kHeadSize);
      if (where == std::string("query")) {
        heads.q[kBad * kHeadSize + 5] = bad;
      } else {
        (where == std::string("key") ? key : value)[5] = bad;
        const ptrdiff_t block = kBad / kKeyBlock;
        kernels().store_kv(
            {.element = element(),
             .head_size = kHeadSize,
             .position = kBad,
             .key = key.data(),
             .value = value.data(),
             .keys = &heads.keys[block * KeyBlockBytes(element(), kHeadSize)],
             .values = &heads.values[block * ValueBlockBytes(element(), kHeadSize)]});
      }
      const std::vector<float> actual = Run(args);
      std::vector<float> reference(actual.size());
      args.out = reference.data();
      ReferenceAttention(args);
      for (int i = 0; i < kLength; ++i) {
        // A query is harmed by itself, by keys and values that it sees.
        const bool harmed = where == std::string("query") ? i == kBad : i >= kBad;
        const size_t at = i * kHeadSize + 5;
        EXPECT_EQ(!std::isfinite(actual[at]), harmed) << where << " " << bad << " query " << i;
        EXPECT_EQ(!std::isfinite(reference[at]), harmed) << where << " " << bad << " query " << i;
        if (!harmed) {
          EXPECT_EQ(actual[at], clean[at]);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(CpuPaths, AttentionTest,
                         testing::Combine(testing::ValuesIn(AllSupportedKernels()),
                                          testing::Values(KvElement::kFloat32,
                                                          KvElement::kBfloat16)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)->name) +
                                  (std::get<1>(info.param) == KvElement::kFloat32 ? "_float32"
                                                                                  : "_bfloat16");
                         });

}  // namespace
}  // namespace chorus::runner
