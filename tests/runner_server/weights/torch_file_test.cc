#include "runner_server/weights/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "runner_server/weights/convert.h"
#include "runner_server/weights/weight_map.h"
#include "tests/runner_server/weights/open_checkpoint.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// tools/golden/make_torch_golden.py made them.
const char kFolder[] = "tests/testdata/torch/";

std::string ReadAll(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void ExpectFault(const std::string& bytes, const std::string& what) {
  const absl::Status status = ReadTorchFile(bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << what;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(what), HasSubstr("save_pretrained")));
}

// Every type and layout, beside the same as safetensors has it.
TEST(ReadTorchFile, ReadsTensorsInEveryLayout) {
  const Checkpoint expected = OpenCheckpoint(std::string(kFolder) + "state.safetensors");
  for (const char* name : {"state.bin", "state_legacy.bin"}) {
    const std::string bytes = ReadAll(name);
    const auto tensors = ReadTorchFile(bytes);
    ASSERT_TRUE(tensors.ok()) << name << ": " << tensors.status();
    std::map<std::string, const StoredTensor*> by_name;
    for (const StoredTensor& tensor : *tensors) by_name[tensor.name] = &tensor;
    EXPECT_EQ(by_name.size(), expected.tensors().size());
    for (const StoredTensor& reference : expected.tensors()) {
      ASSERT_TRUE(by_name.contains(reference.name)) << reference.name;
      const StoredTensor& tensor = *by_name[reference.name];
      EXPECT_EQ(DTypeName(tensor.dtype), DTypeName(reference.dtype)) << reference.name;
      EXPECT_EQ(tensor.shape, reference.shape) << reference.name;
      if (IsConvertible(reference.dtype)) {
        EXPECT_EQ(WeightView(tensor).ReadAll(), WeightView(reference).ReadAll()) << reference.name;
      } else if (tensor.strides.empty()) {
        EXPECT_EQ(tensor.data, reference.data) << reference.name;
      }
    }
    for (const char* contiguous : {"f32", "f16", "bf16", "one_row", "scalar", "empty"}) {
      EXPECT_TRUE(by_name.at(contiguous)->strides.empty()) << contiguous;
    }
    for (const char* strided : {"transposed", "slice", "column", "expanded", "permuted"}) {
      EXPECT_FALSE(by_name.at(strided)->strides.empty()) << strided;
    }
    EXPECT_EQ(by_name.at("tied")->data.data(), by_name.at("parameter")->data.data());
  }
}

TEST(ReadTorchFile, ReadsAPieceOfAStridedTensor) {
  const std::string bytes = ReadAll("state.bin");
  const auto tensors = ReadTorchFile(bytes);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  for (const StoredTensor& tensor : *tensors) {
    if (tensor.name != "permuted") continue;
    const WeightView view(tensor);
    const std::vector<float> all = view.ReadAll();
    for (size_t first = 0; first < all.size(); ++first) {
      std::vector<float> piece(all.size() - first);
      view.Read(first, piece.size(), piece.data());
      EXPECT_TRUE(std::equal(piece.begin(), piece.end(), all.begin() + first)) << first;
    }
  }
}

TEST(ReadTorchFile, RefusesEverythingElseByName) {
  for (const auto& [name, what] : std::vector<std::pair<std::string, std::string>>{
           {"call", "more than tensors and containers: posix.system"},
           {"module", "more than tensors and containers: torch.nn.modules.linear.Linear"},
           {"numpy", "more than tensors and containers: numpy._core.multiarray.scalar"},
           {"float8", "more than tensors and containers: torch._utils._rebuild_tensor_v3"},
           {"nested", "holds no tensors by name"},
           {"nothing", "holds no tensors by name"},
           {"protocol4", "not of protocol 2"},
           {"compressed", "is compressed"}}) {
    ExpectFault(ReadAll("refused/" + name + ".bin"), what);
  }
  // Such a file is not to be saved again.
  EXPECT_TRUE(absl::EndsWith(ReadTorchFile(ReadAll("refused/cut.bin")).status().message(),
                             "the file is cut short; fetch it again"));
  ExpectFault("", "not a file that torch.save writes");
  ExpectFault("pytorch_model.bin is in LFS", "not a file that torch.save writes");
}

// A storage or tensor that does not lie in the file. The numbers are found by what stands around
// them in the pickle.
TEST(ReadTorchFile, ChecksOffsetsStridesAndSizes) {
  for (const char* name : {"state.bin", "state_legacy.bin"}) {
    const std::string whole = ReadAll(name);
    const bool is_legacy = std::string(name) == "state_legacy.bin";
    // Of "f32": storage of 24, offset 0, shape (4, 6), strides (6, 1).
    const size_t at = whole.find(std::string("K\x04K\x06\x86", 5));
    ASSERT_NE(at, std::string::npos);
    const auto with = [&](size_t where, char from, char to) {
      std::string bytes = whole;
      EXPECT_EQ(bytes[where], from);
      bytes[where] = to;
      return bytes;
    };
    ExpectFault(with(at - 1, 0, 1), "f32 lies outside its storage");
    ExpectFault(with(at + 1, 4, 5), "f32 lies outside its storage");
    const size_t strides = whole.find(std::string("K\x06K\x01\x86", 5), at);
    ExpectFault(with(strides + 1, 6, 7), "f32 lies outside its storage");
    EXPECT_TRUE(ReadTorchFile(with(strides + 1, 6, 5)).ok());
    const size_t size = whole.rfind("\x18", at);
    // All of "f32" and "slice" in the older format, where a storage is described once for both.
    for (const char other : {23, 25}) {
      ExpectFault(with(size, 24, other),
                  is_legacy ? "is a storage of two types" : "is a storage of another size");
    }
  }
}

// Of "expanded", (3, 6) with strides (0, 1), which let a few bytes be any number of elements.
TEST(ReadTorchFile, RefusesElementsThatNoFileOfItsSizeStandsFor) {
  const std::string whole = ReadAll("state_legacy.bin");
  const std::string shape("K\x03K\x06\x86", 5);
  const size_t at = whole.rfind(shape, whole.find(std::string("K\x00K\x01\x86", 5)));
  ASSERT_NE(at, std::string::npos);
  const auto with = [&](std::string_view rows) {
    std::string bytes = whole;
    return bytes.replace(at, 2, rows);
  };
  EXPECT_TRUE(ReadTorchFile(with("K\xff")).ok());
  ExpectFault(with(std::string("J\0\0\0\x10", 5)), "expanded is of more elements than its storage");
  ExpectFault(with(std::string("J\0\0\x04\0", 5)),
              "of a file of " + std::to_string(whole.size() + 3));
}

TEST(ReadTorchFile, SaysWhereALegacyFileIsCutShort) {
  const std::string whole = ReadAll("state_legacy.bin");
  ASSERT_TRUE(ReadTorchFile(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ReadTorchFile(whole.substr(0, size)).ok()) << size;
  }
}

TEST(ReadTorchFile, RefusesABigEndianFile) {
  std::string bytes = ReadAll("state.bin");
  const size_t at = bytes.find("little");
  ASSERT_NE(at, std::string::npos);
  ExpectFault(std::string(bytes).replace(at, 6, "bigbig"), "another byte order");
  bytes = ReadAll("state_legacy.bin");
  const size_t flag = bytes.find('\x88');  // The first True: little_endian.
  ExpectFault(bytes.replace(flag, 1, "\x89"), "another byte order");
}

}  // namespace
}  // namespace chorus::runner
