#include "tests/runner_server/model/test_checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace chorus::runner {
namespace {

uint16_t ToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000;
  if ((bits & 0x7FFFFFFF) == 0) return static_cast<uint16_t>(sign);
  if (!std::isfinite(value)) {
    return static_cast<uint16_t>(sign | 0x7C00 | (std::isnan(value) ? 1 : 0));
  }
  const int exponent = static_cast<int>(bits >> 23 & 0xFF) - 127 + 15;
  const uint32_t mantissa = bits & 0x7FFFFF;
  if (exponent < 1 || exponent > 30 || (mantissa & 0x1FFF) != 0) {
    throw std::invalid_argument("not a normal half: " + std::to_string(value));
  }
  return static_cast<uint16_t>(sign | exponent << 10 | mantissa >> 13);
}

// The values as they lie in a file.
std::string Encode(const std::vector<float>& values, std::string_view dtype) {
  if (dtype == "F32") {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }
  std::string bytes;
  for (const float value : values) {
    const uint16_t bits = dtype == "BF16"
                              ? static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16)
                              : ToHalf(value);
    bytes.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
  }
  return bytes;
}

uint64_t Mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

// Adds tensors to a list, a norm's weights around 1.
class Builder {
 public:
  void Add(const std::string& name, const std::vector<uint64_t>& shape) {
    tensors.push_back(RandomTensor(name, shape, 0, -19));
  }
  void AddNorm(const std::string& name, uint64_t size) {
    tensors.push_back(RandomTensor(name + ".weight", {size}, 1, -19));
    Add(name + ".bias", {size});
  }
  void AddLinear(const std::string& name, uint64_t rows, uint64_t columns, uint64_t out) {
    Add(name + ".weight", {rows, columns});
    Add(name + ".bias", {out});
  }
  std::vector<TestTensor> tensors;
};

}  // namespace

TemporaryDirectory::TemporaryDirectory(const std::string& name)
    : path_(std::filesystem::path(testing::TempDir()) /
            ("chorus_" + name + "_" + std::to_string(getpid()))) {
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteSafetensors(const std::filesystem::path& path, const std::vector<TestTensor>& tensors,
                      std::string_view dtype) {
  nlohmann::json header = nlohmann::json::object();
  const size_t size = dtype == "F32" ? 4 : 2;
  size_t offset = 0;
  for (const TestTensor& tensor : tensors) {
    const size_t end = offset + tensor.values.size() * size;
    header[tensor.name] = {
        {"dtype", dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file << text;
  for (const TestTensor& tensor : tensors) file << Encode(tensor.values, dtype);
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void WriteConfig(const std::filesystem::path& directory, const nlohmann::json& config) {
  std::ofstream(directory / "config.json") << config;
}

TestTensor RandomTensor(const std::string& name, const std::vector<uint64_t>& shape, float offset,
                        int exponent) {
  uint64_t seed = 0xCBF29CE484222325;  // FNV-1a of the name.
  for (const unsigned char byte : name) seed = (seed ^ byte) * 0x100000001B3;
  uint64_t size = 1;
  for (const uint64_t extent : shape) size *= extent;
  TestTensor tensor{.name = name, .shape = shape, .values = std::vector<float>(size)};
  const float scale = std::ldexp(1.0f, exponent);
  for (uint64_t i = 0; i < size; ++i) {
    const uint64_t z = Mix(seed + (i + 1) * 0x9E3779B97F4A7C15);
    const int32_t total =
        static_cast<int32_t>((z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48)) -
        131070;
    tensor.values[i] = static_cast<float>(total) * scale + offset;
  }
  return tensor;
}

std::vector<TestTensor> RandomGpt2(const nlohmann::json& config) {
  const uint64_t hidden = config.at("n_embd");
  const uint64_t inner = config.value("n_inner", 4 * hidden);
  Builder builder;
  builder.Add("wte.weight", {config.at("vocab_size"), hidden});
  builder.Add("wpe.weight", {config.at("n_positions"), hidden});
  for (int i = 0; i < config.at("n_layer"); ++i) {
    const std::string layer = "h." + std::to_string(i);
    builder.AddNorm(layer + ".ln_1", hidden);
    builder.AddLinear(layer + ".attn.c_attn", hidden, 3 * hidden, 3 * hidden);
    builder.AddLinear(layer + ".attn.c_proj", hidden, hidden, hidden);
    builder.AddNorm(layer + ".ln_2", hidden);
    builder.AddLinear(layer + ".mlp.c_fc", hidden, inner, inner);
    builder.AddLinear(layer + ".mlp.c_proj", inner, hidden, hidden);
  }
  builder.AddNorm("ln_f", hidden);
  return builder.tensors;
}

std::vector<TestTensor> RandomBert(const nlohmann::json& config) {
  const uint64_t hidden = config.at("hidden_size");
  const uint64_t inner = config.at("intermediate_size");
  const uint64_t labels = config.value("id2label", nlohmann::json{{"0", "A"}, {"1", "B"}}).size();
  Builder builder;
  const std::string embeddings = "bert.embeddings.";
  builder.Add(embeddings + "word_embeddings.weight", {config.at("vocab_size"), hidden});
  builder.Add(embeddings + "position_embeddings.weight",
              {config.at("max_position_embeddings"), hidden});
  builder.Add(embeddings + "token_type_embeddings.weight", {2, hidden});
  builder.AddNorm(embeddings + "LayerNorm", hidden);
  for (int i = 0; i < config.at("num_hidden_layers"); ++i) {
    const std::string layer = "bert.encoder.layer." + std::to_string(i);
    for (const char* part : {".query", ".key", ".value"}) {
      builder.AddLinear(layer + ".attention.self" + part, hidden, hidden, hidden);
    }
    builder.AddLinear(layer + ".attention.output.dense", hidden, hidden, hidden);
    builder.AddNorm(layer + ".attention.output.LayerNorm", hidden);
    builder.AddLinear(layer + ".intermediate.dense", inner, hidden, inner);
    builder.AddLinear(layer + ".output.dense", hidden, inner, hidden);
    builder.AddNorm(layer + ".output.LayerNorm", hidden);
  }
  builder.AddLinear("bert.pooler.dense", hidden, hidden, hidden);
  builder.AddLinear("classifier", labels, hidden, labels);
  return builder.tensors;
}

}  // namespace chorus::runner
