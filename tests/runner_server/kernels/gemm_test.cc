#include "runner_server/kernels/gemm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <vector>

#include "runner_server/kernels/packed_matrix.h"
#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

// A set of kernels and a precision.
class GemmTest : public testing::TestWithParam<std::tuple<const KernelTable*, Precision>>,
                 protected RandomFloatSource {
 protected:
  const KernelTable& kernels() const { return *std::get<0>(GetParam()); }
  Precision precision() const { return std::get<1>(GetParam()); }

  void Run(const GemmArgs& args, int first, int last) const {
    kernels().gemm[static_cast<int>(precision())](args, first, last);
  }
  void Run(const GemmArgs& args) const { Run(args, 0, GemmItems(args.m, args.n)); }

  // Of rows [n, k].
  PackedMatrix Pack(const std::vector<float>& weight, int n, int k) {
    return PackedMatrix::FromRows(
               precision(), n, k,
               [&](size_t first, size_t count, float* out) {
                 std::copy_n(weight.begin() + static_cast<ptrdiff_t>(first), count, out);
               },
               pool_, kernels())
        .value();
  }

  // A in the precision's type, with a stride of its own, and what refers to it. Past k, up to a
  // whole lane, it holds zeros.
  struct Input {
    std::vector<uint32_t> lanes;
    std::vector<RowQuantization> quantized;
    ptrdiff_t stride = 0;
  };
  Input Convert(const std::vector<float>& a, int m, int k) const {
    const bool is_float =
        precision() == Precision::kFloat32 || precision() == Precision::kInt8WeightOnly;
    const int per_lane = is_float ? 1 : WeightsPerLane(precision());
    const size_t row_lanes = (k + 3) / per_lane + 3;
    Input input = {.lanes = std::vector<uint32_t>(m * row_lanes),
                   .quantized = std::vector<RowQuantization>(m),
                   .stride = static_cast<ptrdiff_t>(row_lanes * per_lane)};
    for (int row = 0; row < m; ++row) {
      const float* from = a.data() + static_cast<size_t>(row) * k;
      void* to = input.lanes.data() + row * row_lanes;
      if (is_float) {
        std::copy_n(from, k, static_cast<float*>(to));
      } else if (precision() == Precision::kBfloat16) {
        kernels().to_bfloat16(from, k, static_cast<uint16_t*>(to));
      } else {
        input.quantized[row] = kernels().quantize(from, k, static_cast<uint8_t*>(to));
      }
    }
    return input;
  }

  static GemmArgs Args(const Input& a, const PackedMatrix& b, int m) {
    return {.a = a.lanes.data(),
            .a_stride = a.stride,
            .a_quantized = a.quantized.data(),
            .panels = b.panels(),
            .column_scales = b.column_scales(),
            .column_sums = b.column_sums(),
            .m = m,
            .n = b.out(),
            .k = b.in(),
            .c_stride = b.out()};
  }

 private:
  ThreadPool pool_{1};
};

// A chain of k products of standard normals: sums of about the root of k, rounded k times.
void ExpectClose(const std::vector<float>& actual, const std::vector<float>& expected, int k) {
  const double tolerance = 2e-6 + 6e-8 * k;
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

TEST_P(GemmTest, EqualsReferenceOverOddShapes) {
  constexpr float kUntouched = 12345;
  for (const int m :
       {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 15, 16, 17, 19, 25, 31, 32, 33, 96, 97, 200}) {
    for (const auto& [n, k] : {std::pair{1, 1},
                               {15, 3},
                               {16, 64},
                               {17, 32},
                               {63, 31},
                               {64, 18},
                               {65, 129},
                               {130, 33},
                               {197, 70}}) {
      const Input a = Convert(RandomFloats(static_cast<size_t>(m) * k), m, k);
      const PackedMatrix b = Pack(RandomFloats(static_cast<size_t>(n) * k), n, k);
      const std::vector<float> bias = RandomFloats(n);
      const int stride = n + 5;
      std::vector<float> residual = RandomFloats(static_cast<size_t>(m) * stride);
      std::vector<float> c(residual.size(), kUntouched), expected = c;
      GemmArgs args = Args(a, b, m);
      args.bias = bias.data();
      args.residual = residual.data();
      args.c_stride = stride;
      for (const Activation activation : {Activation::kNone, Activation::kGeluTanh}) {
        args.activation = activation;
        args.c = c.data();
        Run(args);
        args.c = expected.data();
        ReferenceGemm(precision(), args);
        SCOPED_TRACE(testing::Message() << "m " << m << " n " << n << " k " << k);
        ExpectClose(c, expected, k);  // The columns past n too: nothing may touch them.
      }
    }
  }
}

TEST_P(GemmTest, GatedEqualsReferenceOverOddShapes) {
  constexpr float kUntouched = 12345;
  for (const int m : {1, 2, 5, 7, 16, 33, 97}) {
    for (const auto& [columns, k] : {std::pair{1, 5}, {16, 64}, {31, 17}, {32, 32}, {70, 130}}) {
      const int packed = GemmPanels(2 * columns) * kPanelColumns;
      const Input a = Convert(RandomFloats(static_cast<size_t>(m) * k), m, k);
      const PackedMatrix b = Pack(RandomFloats(static_cast<size_t>(packed) * k), packed, k);
      const std::vector<float> bias = RandomFloats(packed);
      const int stride = columns + 3;
      std::vector<float> c(static_cast<size_t>(m) * stride, kUntouched), expected = c;
      GemmArgs args = Args(a, b, m);
      args.n = 2 * columns;
      args.gated = true;
      args.c_stride = stride;
      for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
        args.bias = activation == Activation::kSilu ? nullptr : bias.data();
        args.activation = activation;
        args.c = c.data();
        Run(args);
        args.c = expected.data();
        ReferenceGemm(precision(), args);
        SCOPED_TRACE(testing::Message() << "m " << m << " columns " << columns << " k " << k);
        ExpectClose(c, expected, 20 * k);  // Errors of each factor, times the other.
      }
    }
  }
}

TEST_P(GemmTest, AppliesEveryActivation) {
  const int m = 5, n = 70, k = 33;
  const Input a = Convert(RandomFloats(m * k), m, k);
  const PackedMatrix b = Pack(RandomFloats(n * k), n, k);
  const std::vector<float> bias = RandomFloats(n);
  std::vector<float> c(m * n), expected(m * n);
  GemmArgs args = Args(a, b, m);
  args.bias = bias.data();
  for (const ActivationName& row : kActivationNames) {
    SCOPED_TRACE(row.name);
    args.activation = row.activation;
    args.c = c.data();
    Run(args);
    args.c = expected.data();
    ReferenceGemm(precision(), args);
    ExpectClose(c, expected, 20 * k);  // A square is as steep as that.
  }
}

TEST_P(GemmTest, EqualsReferenceWhenKNeedsSeveralBlocks) {
  for (const int k : {1023, 1024, 1025, 3072, 4100}) {
    const int m = 7, n = 70;
    const Input a = Convert(RandomFloats(m * k), m, k);
    const PackedMatrix b = Pack(RandomFloats(n * k), n, k);
    std::vector<float> c(m * n), expected(m * n);
    GemmArgs args = Args(a, b, m);
    args.c = c.data();
    Run(args);
    args.c = expected.data();
    ReferenceGemm(precision(), args);
    ExpectClose(c, expected, k);
  }
}

// Every product at its largest: what would overflow in 16 bits, and must not in 32.
TEST_P(GemmTest, HoldsTheLargestSums) {
  const int m = 2, n = 64, k = 4096;
  std::vector<float> rows(m * k, 3.0f);
  rows[k - 1] = -1e-3f;  // A zero point of its own.
  const Input a = Convert(rows, m, k);
  std::vector<float> columns(n * k, 2.0f);
  std::fill(columns.begin() + k, columns.begin() + 2 * k, -2.0f);
  const PackedMatrix b = Pack(columns, n, k);
  std::vector<float> c(m * n), expected(m * n);
  GemmArgs args = Args(a, b, m);
  args.c = c.data();
  Run(args);
  args.c = expected.data();
  ReferenceGemm(precision(), args);
  ExpectClose(c, expected, k);
}

TEST_P(GemmTest, AddsToItsOwnOutput) {
  const int m = 5, n = 67, k = 1100;
  const Input a = Convert(RandomFloats(m * k), m, k);
  const PackedMatrix b = Pack(RandomFloats(n * k), n, k);
  std::vector<float> c = RandomFloats(m * n), apart(m * n);
  const std::vector<float> before = c;
  GemmArgs args = Args(a, b, m);
  args.residual = before.data();
  args.c = apart.data();
  Run(args);
  args.residual = args.c = c.data();
  Run(args);
  EXPECT_EQ(c, apart);
}

// The contract that a batch is nobody's business but the scheduler's.
TEST_P(GemmTest, GivesARowTheSameBitsInAnyCompany) {
  const int n = 130, most = 200;
  for (const int k : {30, 64, 1500}) {
    const Input a = Convert(RandomFloats(most * k), most, k);
    const PackedMatrix b = Pack(RandomFloats(n * k), n, k);
    const std::vector<float> bias = RandomFloats(n);
    std::vector<float> together(most * n);
    GemmArgs args = Args(a, b, most);
    args.bias = bias.data();
    args.activation = Activation::kGeluErf;
    args.c = together.data();
    Run(args);
    for (int m = 1; m <= 33; ++m) {
      std::vector<float> fewer(m * n);
      args.a = reinterpret_cast<const char*>(a.lanes.data()) +
               a.lanes.size() / most * (most - m) * sizeof(uint32_t);
      args.a_quantized = a.quantized.data() + (most - m);
      args.m = m;
      args.c = fewer.data();
      Run(args);
      ASSERT_TRUE(std::equal(fewer.begin(), fewer.end(), together.end() - m * n))
          << "m " << m << " k " << k;
    }
  }
}

// Memory whose end is the end of what may be touched.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t size) : size_(size) {
    const size_t page = sysconf(_SC_PAGESIZE);
    usable_ = (size + page - 1) / page * page;
    mapped_ = usable_ + page;
    void* memory =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    memory_ = static_cast<char*>(memory);
    EXPECT_EQ(mprotect(memory_ + usable_, page, PROT_NONE), 0);
  }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  ~GuardedBytes() { munmap(memory_, mapped_); }

  char* data() const { return memory_ + usable_ - size_; }

 private:
  size_t size_;
  size_t usable_;
  size_t mapped_;
  char* memory_;
};

TEST_P(GemmTest, TouchesNothingPastItsOperands) {
  const bool is_float =
      precision() == Precision::kFloat32 || precision() == Precision::kInt8WeightOnly;
  const int per_lane = WeightsPerLane(precision());
  for (const int m : {1, 5, 7, 16, 17, 33}) {
    for (const auto& [n, k] : {std::pair{1, 1}, {64, 37}, {70, 130}, {65, 300}}) {
      const Input a = Convert(RandomFloats(m * k), m, k);
      const PackedMatrix b = Pack(RandomFloats(n * k), n, k);
      const std::vector<float> bias = RandomFloats(n);
      std::vector<float> expected(m * n);
      GemmArgs args = Args(a, b, m);
      args.bias = bias.data();
      args.c = expected.data();
      Run(args);

      const size_t steps = (k + per_lane - 1) / per_lane;
      const size_t lane_bytes = is_float ? per_lane * sizeof(float) : sizeof(uint32_t);
      const size_t panel_bytes = GemmPanels(n) * steps * kPanelColumns * sizeof(uint32_t);
      const GuardedBytes rows(m * steps * lane_bytes), panels(panel_bytes),
          biases(n * sizeof(float)), c(m * n * sizeof(float));
      for (int row = 0; row < m; ++row) {
        std::memcpy(rows.data() + row * steps * lane_bytes, &a.lanes[row * a.lanes.size() / m],
                    steps * lane_bytes);
      }
      std::memcpy(panels.data(), b.panels(), panel_bytes);
      std::memcpy(biases.data(), bias.data(), n * sizeof(float));
      args.a = rows.data();
      args.a_stride = static_cast<ptrdiff_t>(steps * per_lane);
      args.panels = panels.data();
      args.bias = reinterpret_cast<const float*>(biases.data());
      args.c = reinterpret_cast<float*>(c.data());
      Run(args);
      EXPECT_EQ(std::memcmp(c.data(), expected.data(), m * n * sizeof(float)), 0)
          << "m " << m << " n " << n << " k " << k;
    }
  }
}

TEST_P(GemmTest, ItemsTogetherMakeTheWhole) {
  const int m = 97, n = 130, k = 20;
  const Input a = Convert(RandomFloats(m * k), m, k);
  const PackedMatrix b = Pack(RandomFloats(n * k), n, k);
  std::vector<float> whole(m * n), parts(m * n);
  GemmArgs args = Args(a, b, m);
  args.c = whole.data();
  ASSERT_EQ(GemmItems(m, n), 6);
  Run(args, 0, 6);
  args.c = parts.data();
  for (const auto& [first, last] : {std::pair{5, 6}, {0, 2}, {2, 5}}) Run(args, first, last);
  EXPECT_EQ(parts, whole);
}

std::string CaseName(const testing::TestParamInfo<GemmTest::ParamType>& info) {
  constexpr const char* kNames[] = {"float32", "bfloat16", "int8", "int8_weight_only"};
  return std::string(std::get<0>(info.param)->name) + "_" +
         kNames[static_cast<int>(std::get<1>(info.param))];
}
INSTANTIATE_TEST_SUITE_P(CpuPaths, GemmTest,
                         testing::Combine(testing::ValuesIn(AllSupportedKernels()),
                                          testing::ValuesIn(kPrecisions)),
                         CaseName);

// A set whose weights all sets multiply.
const KernelTable& MostBounded() {
  for (const KernelTable* kernels : AllSupportedKernels()) {
    if (kernels->saturates_pairs) return *kernels;
  }
  return Kernels();
}

// Integer sums are exact: of the same weights, every set makes the same products.
TEST(Int8GemmTest, HasTheSameBitsOnEveryPath) {
  // Quantized by one set: the paths' own roundings are not what is compared.
  const KernelTable& best = Kernels();
  const int most = 40, n = 130, k = 333;
  ThreadPool pool(1);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> x(most * k), w(n * k);
  for (float& value : x) value = normal(random);
  for (float& value : w) value = normal(random);
  std::vector<uint8_t> a(most * (k + 3));
  std::vector<RowQuantization> quantized(most);
  for (int row = 0; row < most; ++row) {
    quantized[row] = best.quantize(&x[row * k], k, &a[row * (k + 3)]);
  }
  const PackedMatrix b =
      PackedMatrix::FromRows(
          Precision::kInt8, n, k,
          [&](size_t first, size_t count, float* out) { std::copy_n(&w[first], count, out); }, pool,
          MostBounded())
          .value();
  for (int m = 1; m <= most; ++m) {
    std::vector<std::vector<float>> results;
    for (const KernelTable* kernels : AllSupportedKernels()) {
      results.emplace_back(m * n);
      kernels->gemm[static_cast<int>(Precision::kInt8)]({.a = a.data(),
                                                         .a_stride = k + 3,
                                                         .a_quantized = quantized.data(),
                                                         .panels = b.panels(),
                                                         .column_scales = b.column_scales(),
                                                         .column_sums = b.column_sums(),
                                                         .m = m,
                                                         .n = n,
                                                         .k = k,
                                                         .c = results.back().data(),
                                                         .c_stride = n},
                                                        0, GemmItems(m, n));
      EXPECT_EQ(results.back(), results.front()) << kernels->name << " m " << m;
    }
  }
}

TEST(KernelTableTest, ChoosesTheFirstOfTheSupported) {
  EXPECT_EQ(&Kernels(), SupportedKernels()[0]);
  EXPECT_EQ(AllSupportedKernels().back(), &kPortableKernels);
}

// A system that keeps registers back is no fault of the kernels.
TEST(KernelTableTest, RefusesNoSetForItsProducts) {
  const char* refused = RefusedKernels();
  EXPECT_THAT(refused == nullptr ? "" : refused, testing::Not(testing::HasSubstr("products")));
}

}  // namespace
}  // namespace chorus::runner
