#include "runner_server/kernels/kernel_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace chorus::runner {
namespace {

constexpr int kMostRows = 33;
constexpr int kColumns = 65;  // Two panels.

// A and B of a product in one precision. In bf16 their elements are from [-1, 1]; in int8 those of
// B are from [-64, 63] where pairs are bounded.
class Product {
 public:
  Product(Precision precision, int k, bool bound_pairs = false) : precision_(precision), k_(k) {
    const int per_lane = WeightsPerLane(precision);
    const size_t steps = (k + per_lane - 1) / per_lane;
    const size_t num_columns = size_t{kPanelColumns} * GemmPanels(kColumns);
    row_elements_ = steps * per_lane;
    a_.resize(kMostRows * steps);
    panels_.resize(num_columns * steps);
    scales_.assign(num_columns, 1.0f / 128);
    sums_.assign(num_columns, 0);
    quantized_.assign(kMostRows, {.scale = 1.0f / 128, .zero = 77});
    for (uint32_t& lane : a_) lane = RandomLane();
    for (uint32_t& lane : panels_) {
      lane = RandomLane();
      if (bound_pairs) lane = (lane & 0x7F7F7F7F) | (lane & 0x40404040) << 1;
    }
    if (precision == Precision::kInt8) AvoidLeastInt8();
    // Rows of B past k are zero, so that what A has there counts for nothing.
    const int past = static_cast<int>(row_elements_) - k;
    for (int panel = 0; panel < GemmPanels(kColumns); ++panel) {
      uint32_t* last = &panels_[((panel + 1) * steps - 1) * kPanelColumns];
      for (int column = 0; column < kPanelColumns; ++column) last[column] >>= past * 32 / per_lane;
    }
    if (precision == Precision::kInt8) AddColumnsUp(steps);
  }

  // Rows [first, first + m) of C, [m, kColumns].
  std::vector<float> Multiply(const KernelTable& kernels, int first, int m) const {
    std::vector<float> c(static_cast<size_t>(m) * kColumns);
    const GemmArgs args = {.a = a_.data() + first * (a_.size() / kMostRows),
                           .a_stride = static_cast<ptrdiff_t>(row_elements_),
                           .a_quantized = quantized_.data(),
                           .panels = panels_.data(),
                           .column_scales = scales_.data(),
                           .column_sums = sums_.data(),
                           .m = m,
                           .n = kColumns,
                           .k = k_,
                           .c = c.data(),
                           .c_stride = kColumns};
    kernels.gemm[static_cast<int>(precision_)](args, 0, GemmItems(m, kColumns));
    return c;
  }

 private:
  uint32_t RandomLane() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const auto bits = static_cast<uint32_t>(state_ >> 32);
    if (precision_ == Precision::kInt8) return bits;
    // Of eight magnitudes, so that sums are rounded, and in another order otherwise.
    const auto element = [](uint32_t random) {
      const float mantissa = static_cast<float>(random & 0xFF) - 127;
      return uint32_t{FloatToBfloat16(mantissa / static_cast<float>(128 << (random >> 8 & 7)))};
    };
    return element(bits) | element(bits >> 11) << 16;
  }

  void AvoidLeastInt8() {
    auto* bytes = reinterpret_cast<int8_t*>(panels_.data());
    std::replace(bytes, bytes + panels_.size() * sizeof(uint32_t), int8_t{-128}, int8_t{-127});
  }
  void AddColumnsUp(size_t steps) {
    for (size_t lane = 0; lane < panels_.size(); ++lane) {
      int8_t weights[4];
      std::memcpy(weights, &panels_[lane], sizeof(weights));
      const size_t panel = lane / kPanelColumns / steps;
      for (const int weight : weights) {
        sums_[panel * kPanelColumns + lane % kPanelColumns] += weight;
      }
    }
  }

  Precision precision_;
  int k_;
  size_t row_elements_;
  uint64_t state_ = 1;
  std::vector<uint32_t> a_;       // [kMostRows][lanes of k]
  std::vector<uint32_t> panels_;  // [panels][lanes of k][64]
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
  std::vector<RowQuantization> quantized_;
};

bool SameBits(const std::vector<float>& a, const float* b) {
  return std::memcmp(a.data(), b, a.size() * sizeof(float)) == 0;
}

}  // namespace

bool MultipliesAs(const KernelTable& trusted, const KernelTable& kernels) {
  for (const int k : {64, 203, 601}) {
    const Product int8(Precision::kInt8, k, trusted.saturates_pairs || kernels.saturates_pairs),
        bf16(Precision::kBfloat16, k);
    for (const int m : {1, 16, kMostRows}) {
      const std::vector<float> expected = int8.Multiply(trusted, 0, m);
      if (!SameBits(int8.Multiply(kernels, 0, m), expected.data())) return false;
    }
    const std::vector<float> together = bf16.Multiply(kernels, 0, kMostRows);
    const std::vector<float> expected = bf16.Multiply(trusted, 0, kMostRows);
    for (size_t i = 0; i < expected.size(); ++i) {
      // Sums of some ten at most, each of k terms rounded; not a number is not near either.
      if (!(std::abs(together[i] - expected[i]) < 1e-5f * static_cast<float>(k))) return false;
    }
    for (const int m : {1, 2, 15, 16, 17}) {
      const int first = kMostRows - m;
      if (!SameBits(bf16.Multiply(kernels, first, m),
                    &together[static_cast<size_t>(first) * kColumns]))
        return false;
    }
  }
  return true;
}

}  // namespace chorus::runner
