#include "runner_server/kernels/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/status_macros.h"
#include "runner_server/kernels/gemm.h"

namespace chorus {

absl::StatusOr<PackedMatrix> PackedMatrix::Allocate(int out, int in) {
  PackedMatrix matrix;
  matrix.out_ = out;
  matrix.in_ = in;
  const size_t size = static_cast<size_t>(GemmPanels(out)) * kPanelColumns * in * sizeof(float);
  ASSIGN_OR_RETURN(matrix.memory_,
                   MemoryRegion::Create(size, MemoryRegion::Paging::kHuge, "weights"));
  return matrix;
}

float* PackedMatrix::Panel(int panel) const {
  return memory_.floats() + static_cast<size_t>(panel) * in_ * kPanelColumns;
}

absl::StatusOr<PackedMatrix> PackedMatrix::FromRows(int out, int in, Reader read,
                                                    ThreadPool& pool) {
  ASSIGN_OR_RETURN(PackedMatrix matrix, Allocate(out, in));
  pool.Run(GemmPanels(out), [&](int, int begin, int end) {
    // Sixteen rows at a time: each of their elements side by side fills a cache line.
    constexpr int kRows = 16;
    std::vector<float> rows(static_cast<size_t>(kRows) * in);
    for (int first = begin * kPanelColumns; first < std::min(out, end * kPanelColumns);
         first += kRows) {
      const int count = std::min(kRows, out - first);
      read(static_cast<size_t>(first) * in, static_cast<size_t>(count) * in, rows.data());
      float* lanes = matrix.Panel(first / kPanelColumns) + first % kPanelColumns;
      for (int i = 0; i < in; ++i) {
        for (int r = 0; r < count; ++r) {
          lanes[static_cast<size_t>(i) * kPanelColumns + r] = rows[static_cast<size_t>(r) * in + i];
        }
      }
    }
  });
  return matrix;
}

absl::StatusOr<PackedMatrix> PackedMatrix::FromColumns(int out, int in, Reader read,
                                                       ThreadPool& pool) {
  ASSIGN_OR_RETURN(PackedMatrix matrix, Allocate(out, in));
  pool.Run(in, [&](int, int begin, int end) {
    std::vector<float> row(out);
    for (int i = begin; i < end; ++i) {
      read(static_cast<size_t>(i) * out, out, row.data());
      for (int first = 0; first < out; first += kPanelColumns) {
        std::memcpy(matrix.Panel(first / kPanelColumns) + static_cast<size_t>(i) * kPanelColumns,
                    row.data() + first, std::min(kPanelColumns, out - first) * sizeof(float));
      }
    }
  });
  return matrix;
}

void PackedMatrix::CopyRow(int index, float* row) const {
  const float* lane = Panel(index / kPanelColumns) + index % kPanelColumns;
  for (int i = 0; i < in_; ++i) row[i] = lane[static_cast<size_t>(i) * kPanelColumns];
}

}  // namespace chorus
