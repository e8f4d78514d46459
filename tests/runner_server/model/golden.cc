#include "tests/runner_server/model/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>

#include "runner_server/weights/weight_map.h"
#include "tests/runner_server/model/test_checkpoint.h"
#include "tests/runner_server/weights/open_checkpoint.h"

namespace chorus::runner {
namespace {

const char kFolder[] = "tests/testdata/models/";

nlohmann::json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

}  // namespace

Golden::Golden(const std::string& name)
    : json_(ReadJson(kFolder + name + ".json")),
      tensors_(OpenCheckpoint(kFolder + name + ".safetensors")) {}

std::vector<float> Golden::Floats(const std::string& tensor) const {
  for (const StoredTensor& stored : tensors_.tensors()) {
    if (stored.name == tensor) return WeightView(stored).ReadAll();
  }
  throw std::out_of_range(tensor);
}

bool Golden::Has(const std::string& tensor) const {
  return std::any_of(tensors_.tensors().begin(), tensors_.tensors().end(),
                     [&](const StoredTensor& stored) { return stored.name == tensor; });
}

void WriteRandomCheckpoint(const Golden& golden, const std::filesystem::path& directory) {
  WriteConfig(directory, golden.json().at("config"));
  std::vector<TestTensor> tensors;
  for (const nlohmann::json& tensor : golden.json().at("tensors")) {
    tensors.push_back(RandomTensor(tensor.at("name"), tensor.at("shape"), tensor.at("offset"),
                                   tensor.at("exponent")));
  }
  WriteSafetensors(directory / "model.safetensors", tensors);
}

double LogitsDistance(const Golden& golden, size_t index, std::span<const float> logits) {
  const std::vector<float> kept = golden.Floats("logits." + std::to_string(index));
  const size_t stride = golden.json().at("stride");
  EXPECT_EQ(kept.size(), (logits.size() + stride - 1) / stride);
  double worst = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    worst = std::max<double>(worst, std::abs(logits[i * stride] - kept[i]));
  }
  return worst / golden.json().at("logits").at(index).at("max_abs").get<double>();
}

void ExpectLogits(const Golden& golden, size_t index, std::span<const float> logits) {
  const double distance = LogitsDistance(golden, index, logits);
  EXPECT_LE(distance, 1e-4) << "case " << index;
  testing::Test::RecordProperty("distance_" + std::to_string(index), std::to_string(distance));
  EXPECT_EQ(std::max_element(logits.begin(), logits.end()) - logits.begin(),
            golden.json().at("logits").at(index).at("argmax").get<ptrdiff_t>())
      << "case " << index;
}

}  // namespace chorus::runner
