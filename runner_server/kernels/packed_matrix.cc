#include "runner_server/kernels/packed_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/status_macros.h"
#include "runner_server/kernels/gemm.h"

namespace chorus::runner {
namespace {

constexpr float kLargestInt8 = 127;

// To nearest, ties to even, for |x| < 2^22: adding 1.5 * 2^23 rounds to an integer.
int32_t RoundToInt(float x) {
  const float shifted = x + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  return bits - 0x4B400000;
}

}  // namespace

absl::StatusOr<PackedMatrix> PackedMatrix::Make(Precision precision, int out, int in, Gather gather,
                                                ThreadPool& pool, const KernelTable& kernels) {
  PackedMatrix matrix;
  matrix.precision_ = precision;
  matrix.out_ = out;
  matrix.in_ = in;
  const int num_panels = GemmPanels(out);
  ASSIGN_OR_RETURN(
      matrix.memory_,
      MemoryRegion::Create(num_panels * matrix.panel_bytes(), MemoryRegion::Paging::kHuge,
                           "weights (--dtype int8 takes the least; or raise the "
                           "limit, of ulimit -v or vm.overcommit_memory)"));
  const bool is_int8 = WeightBytes(precision) == 1;
  const size_t num_columns = static_cast<size_t>(num_panels) * kPanelColumns;
  if (is_int8) matrix.scales_.resize(num_columns);
  if (precision == Precision::kInt8) matrix.sums_.resize(num_columns);
  const bool bound_pairs = precision == Precision::kInt8 && kernels.saturates_pairs;
  pool.Run(num_panels, [&](int, int begin, int end) {
    if (precision == Precision::kFloat32) {  // A panel is what is gathered.
      for (int p = begin; p < end; ++p) gather(p, reinterpret_cast<float*>(matrix.Panel(p)));
      return;
    }
    std::vector<float> weights(static_cast<size_t>(in) * kPanelColumns);  // [in][64]
    for (int p = begin; p < end; ++p) {
      std::fill(weights.begin(), weights.end(), 0.0f);
      gather(p, weights.data());
      if (is_int8) {
        matrix.PackInt8(weights.data(), p, bound_pairs);
      } else {
        matrix.PackBfloat16(weights.data(), p);
      }
    }
  });
  return matrix;
}

absl::StatusOr<PackedMatrix> PackedMatrix::FromRows(Precision precision, int out, int in,
                                                    Reader read, ThreadPool& pool,
                                                    const KernelTable& kernels) {
  const auto gather = [&](int panel, float* weights) {
    // Sixteen rows at a time: each of their elements side by side fills a cache line.
    constexpr int kRows = 16;
    thread_local std::vector<float> rows;
    rows.resize(static_cast<size_t>(kRows) * in);
    const int panel_end = std::min(out, (panel + 1) * kPanelColumns);
    for (int first = panel * kPanelColumns; first < panel_end; first += kRows) {
      const int count = std::min(kRows, panel_end - first);
      read(static_cast<size_t>(first) * in, static_cast<size_t>(count) * in, rows.data());
      float* lanes = weights + first % kPanelColumns;
      for (int i = 0; i < in; ++i) {
        for (int r = 0; r < count; ++r) {
          lanes[static_cast<size_t>(i) * kPanelColumns + r] = rows[static_cast<size_t>(r) * in + i];
        }
      }
    }
  };
  return Make(precision, out, in, gather, pool, kernels);
}

absl::StatusOr<PackedMatrix> PackedMatrix::FromColumns(Precision precision, int out, int in,
                                                       Reader read, ThreadPool& pool,
                                                       const KernelTable& kernels) {
  const auto gather = [&](int panel, float* weights) {
    const int first = panel * kPanelColumns;
    const int count = std::min(kPanelColumns, out - first);
    for (int i = 0; i < in; ++i) {
      read(static_cast<size_t>(i) * out + first, count,
           weights + static_cast<size_t>(i) * kPanelColumns);
    }
  };
  return Make(precision, out, in, gather, pool, kernels);
}

size_t PackedMatrix::panel_bytes() const {
  const int per_lane = WeightsPerLane(precision_);
  return static_cast<size_t>((in_ + per_lane - 1) / per_lane) * kPanelColumns * 4;
}

void PackedMatrix::PackBfloat16(const float* weights, int panel) {
  auto* packed = reinterpret_cast<uint16_t*>(Panel(panel));
  for (int i = 0; i < in_; ++i, weights += kPanelColumns) {
    uint16_t* lanes = packed + static_cast<size_t>(i / 2) * kPanelColumns * 2 + i % 2;
    for (ptrdiff_t column = 0; column < kPanelColumns; ++column) {
      lanes[column * 2] = FloatToBfloat16(weights[column]);
    }
  }
}

void PackedMatrix::PackInt8(const float* weights, int panel, bool bound_pairs) {
  // A scale makes 127 of the largest magnitude, or of the largest sum of a pair's: rounded, they
  // add up to 128 at most.
  float largest[kPanelColumns] = {}, inverse[kPanelColumns];
  for (int i = 0; i < in_; ++i) {
    const float* row = weights + static_cast<size_t>(i) * kPanelColumns;
    const float* first = bound_pairs && i % 2 != 0 ? row - kPanelColumns : nullptr;
    for (int column = 0; column < kPanelColumns; ++column) {
      const float magnitude =
          std::abs(row[column]) + (first == nullptr ? 0 : std::abs(first[column]));
      largest[column] = magnitude > largest[column] ? magnitude : largest[column];
    }
  }
  for (int column = 0; column < kPanelColumns; ++column) {
    const bool is_zero = !(largest[column] > 1e-30f);  // Too small to divide by, too.
    scales_[panel * kPanelColumns + column] = is_zero ? 0 : largest[column] / kLargestInt8;
    inverse[column] = is_zero ? 0 : kLargestInt8 / largest[column];
  }
  int32_t sums[kPanelColumns] = {};
  auto* packed = reinterpret_cast<int8_t*>(Panel(panel));
  for (int i = 0; i < in_; ++i, weights += kPanelColumns) {
    int8_t* lanes = packed + static_cast<size_t>(i / 4) * kPanelColumns * 4 + i % 4;
    for (ptrdiff_t column = 0; column < kPanelColumns; ++column) {
      const int32_t q = RoundToInt(weights[column] * inverse[column]);
      lanes[column * 4] = static_cast<int8_t>(q);
      sums[column] += q;
    }
  }
  if (!sums_.empty())
    std::copy_n(sums, kPanelColumns, sums_.begin() + ptrdiff_t{panel} * kPanelColumns);
}

void PackedMatrix::CopyRow(int index, float* row) const {
  const char* panel = Panel(index / kPanelColumns);
  const ptrdiff_t column = index % kPanelColumns;
  switch (precision_) {
    case Precision::kFloat32: {
      const float* lane = reinterpret_cast<const float*>(panel) + column;
      for (int i = 0; i < in_; ++i) row[i] = lane[static_cast<size_t>(i) * kPanelColumns];
      break;
    }
    case Precision::kBfloat16: {
      const auto* pair = reinterpret_cast<const uint16_t*>(panel) + column * 2;
      for (int i = 0; i < in_; ++i) {
        row[i] = Bfloat16ToFloat(pair[static_cast<size_t>(i / 2) * kPanelColumns * 2 + i % 2]);
      }
      break;
    }
    case Precision::kInt8:
    case Precision::kInt8WeightOnly: {
      const auto* quad = reinterpret_cast<const int8_t*>(panel) + column * 4;
      const float scale = scales_[index];
      for (int i = 0; i < in_; ++i) {
        row[i] = scale * quad[static_cast<size_t>(i / 4) * kPanelColumns * 4 + i % 4];
      }
      break;
    }
    case Precision::kFloat16:
      break;
  }
}

}  // namespace chorus::runner
