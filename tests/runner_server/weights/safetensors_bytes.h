#pragma once

// Makes the bytes of safetensors files, sound and broken.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace chorus::runner {

inline std::string LittleEndian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(value >> 8 * i));
  return bytes;
}

// A file of this header and `data_size` bytes of data.
inline std::string SafetensorsBytes(std::string_view json, size_t data_size) {
  return LittleEndian(json.size()).append(json).append(data_size, '\x01');
}

inline void WriteBytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace chorus::runner
