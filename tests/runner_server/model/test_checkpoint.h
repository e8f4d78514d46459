#pragma once

// Checkpoints that tests write for themselves, in the Hugging Face layout.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

// A directory under the test's temporary folder, removed with all in it on destruction.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& name);
  ~TemporaryDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct TestTensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::vector<float> values;
};

// Writes model.safetensors with every tensor as `dtype`: "F32", "F16" or "BF16". Values are cut,
// not rounded, to BF16; to F16 only values it can hold may go.
void WriteSafetensors(const std::filesystem::path& path, const std::vector<TestTensor>& tensors,
                      std::string_view dtype = "F32");

void WriteConfig(const std::filesystem::path& directory, const nlohmann::json& config);

// offset + 2^exponent * (the sum of four 16-bit uniforms, centred), from splitmix64 over element
// number and name, as tools/golden/make_model_golden.py has it.
TestTensor RandomTensor(const std::string& name, const std::vector<uint64_t>& shape, float offset,
                        int exponent);

// Every tensor that a small GPT-2 or BERT of this config needs, by RandomTensor.
std::vector<TestTensor> RandomGpt2(const nlohmann::json& config);
std::vector<TestTensor> RandomBert(const nlohmann::json& config);

}  // namespace chorus::runner
