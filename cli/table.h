#pragma once

// Tables on a terminal.
//
// Pure. Thread safety: free functions without state.

#include <cstdint>
#include <string>
#include <vector>

namespace chorus {

using TableRow = std::vector<std::string>;

// Columns two spaces apart, left-aligned except `size_column`. Cells command no terminal
// (base/printable.h).
std::string FormatRows(std::vector<TableRow> rows, size_t size_column);

// "816 B", "8.2 KiB", "13.2 MiB".
std::string FormatSize(int64_t bytes);

}  // namespace chorus
