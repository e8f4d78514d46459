#include "runner_server/weights/safetensors_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/runner_server/weights/safetensors_bytes.h"

namespace chorus::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kSound[] = R"({"__metadata__":{"format":"pt"},)"
                          R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
                          R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";

TEST(ParseSafetensorsHeader, ReadsTensorsInTheOrderOfTheirData) {
  const std::string bytes = SafetensorsBytes(kSound, 16);
  const absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader(bytes);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->data_start, 8 + sizeof(kSound) - 1);
  ASSERT_EQ(header->tensors.size(), 2u);
  const TensorInfo& a = header->tensors[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, DType::kF32);
  EXPECT_THAT(a.shape, IsEmpty());
  const TensorInfo& b = header->tensors[1];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, DType::kBF16);
  EXPECT_THAT(b.shape, ElementsAre(2, 3));
  EXPECT_EQ(b.begin, 4u);
  EXPECT_EQ(b.end, 16u);
}

TEST(ParseSafetensorsHeader, TakesWhatTheFormatAllows) {
  EXPECT_TRUE(ParseSafetensorsHeader(SafetensorsBytes("{}", 0)).ok());
  EXPECT_TRUE(ParseSafetensorsHeader(SafetensorsBytes("{}      ", 0)).ok()) << "padding";
  EXPECT_TRUE(ParseSafetensorsHeader(SafetensorsBytes(R"({"__metadata__":{}})", 0)).ok());
  EXPECT_TRUE(ParseSafetensorsHeader(
                  SafetensorsBytes(R"({"e":{"dtype":"I64","shape":[0,7],"data_offsets":[0,0]},)"
                                   R"("f":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})",
                                   8))
                  .ok())
      << "an empty tensor";
}

TEST(ParseSafetensorsHeader, KnowsEveryType) {
  for (const auto& [name, size] : std::vector<std::pair<std::string, size_t>>{{"BOOL", 1},
                                                                              {"U8", 1},
                                                                              {"I8", 1},
                                                                              {"F8_E5M2", 1},
                                                                              {"F8_E4M3", 1},
                                                                              {"I16", 2},
                                                                              {"U16", 2},
                                                                              {"F16", 2},
                                                                              {"BF16", 2},
                                                                              {"I32", 4},
                                                                              {"U32", 4},
                                                                              {"F32", 4},
                                                                              {"F64", 8},
                                                                              {"I64", 8},
                                                                              {"U64", 8},
                                                                              {"C64", 8}}) {
    const std::string json = R"({"x":{"dtype":")" + name + R"(","shape":[3],"data_offsets":[0,)" +
                             std::to_string(3 * size) + "]}}";
    const auto header = ParseSafetensorsHeader(SafetensorsBytes(json, 3 * size));
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(DTypeName(header->tensors[0].dtype), name);
    EXPECT_EQ(DTypeSizeBytes(header->tensors[0].dtype), size);
  }
}

TEST(ParseSafetensorsHeader, BelievesTheOffsetsOfATypeThatItDoesNotKnow) {
  const auto header = ParseSafetensorsHeader(
      SafetensorsBytes(R"({"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors[0].dtype, DType::kOther);
  EXPECT_EQ(header->tensors[0].end, 2u);
}

// A header whose one tensor has these fields.
std::string One(const std::string& fields) { return "{\"x\":{" + fields + "}}"; }

TEST(ParseSafetensorsHeader, RefusesWhatBreaksARule) {
  struct Case {
    std::string rule;
    std::string bytes;
    std::string message;
  };
  const std::string f32 = R"("dtype":"F32",)";
  const std::vector<Case> cases = {
      {"no length", "1234567", "no room for a header"},
      {"header longer than the file", LittleEndian(3) + "{}", "claims 3 bytes"},
      {"header length near 2^64", LittleEndian(~uint64_t{0}) + "{}", "claims 1844674407370955"},
      {"header length over the format's limit",
       LittleEndian(kMaxSafetensorsHeaderBytes + 1) +
           std::string(kMaxSafetensorsHeaderBytes + 1, ' '),
       "at most 100000000"},
      {"empty header", LittleEndian(0), "begin with '{'"},
      {"not an object", SafetensorsBytes("[]", 0), "begin with '{'"},
      {"leading space", SafetensorsBytes(" {}", 0), "begin with '{'"},
      {"not JSON", SafetensorsBytes("{\"x\":", 0), "not JSON at byte"},
      {"text behind the object", SafetensorsBytes("{}{}", 0), "not JSON at byte"},
      {"bad UTF-8", SafetensorsBytes("{\"\xFF\":{}}", 0), "not JSON at byte"},
      {"depth bomb", SafetensorsBytes("{\"x\":" + std::string(1'000'000, '['), 0), "an array"},
      {"object bomb", SafetensorsBytes(One(R"("shape":{"a":{}})"), 0), "an object"},
      {"tensor that is a number", SafetensorsBytes(R"({"x":1})", 0), "the number 1"},
      {"tensor that is null", SafetensorsBytes(R"({"x":null})", 0), "null"},
      {"tensor that is a string", SafetensorsBytes(R"({"x":"y"})", 0), "a string"},
      {"name twice",
       SafetensorsBytes(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                        2),
       "'x' occurs twice"},
      {"field twice", SafetensorsBytes(One(R"("dtype":"U8","dtype":"U8")"), 0),
       "'dtype' occurs twice in 'x'"},
      {"unknown field", SafetensorsBytes(One(R"("color":1)"), 0), "unknown field: 'color'"},
      {"missing field", SafetensorsBytes(One(R"("dtype":"U8","shape":[1])"), 1), "must have dtype"},
      {"overflow of an unknown dtype",
       SafetensorsBytes(One(R"("dtype":"Q4","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
                        0),
       "the shape of tensor 'x' overflows"},
      {"dtype that is a number", SafetensorsBytes(One(R"("dtype":4)"), 0), "the number 4"},
      {"dtype that is a list", SafetensorsBytes(One(R"("dtype":["F32"])"), 0), "an array"},
      {"shape that is a number", SafetensorsBytes(One(R"("shape":4)"), 0), "the number 4"},
      {"negative extent", SafetensorsBytes(One(R"("shape":[-1])"), 0), "negative number -1"},
      {"fractional extent", SafetensorsBytes(One(R"("shape":[1.5])"), 0), "the number '1.5'"},
      {"extent past 64 bits", SafetensorsBytes(One(R"("shape":[18446744073709551616])"), 0),
       "18446744073709551616"},
      {"nested shape", SafetensorsBytes(One(R"("shape":[[1]])"), 0), "an array"},
      {"too many dimensions",
       SafetensorsBytes(One(R"("shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1])"), 0), "dimensions"},
      {"one offset", SafetensorsBytes(One(f32 + R"("shape":[1],"data_offsets":[0])"), 4),
       "two data_offsets"},
      {"three offsets", SafetensorsBytes(One(f32 + R"("shape":[1],"data_offsets":[0,4,8])"), 4),
       "the number 8"},
      {"metadata that is no string", SafetensorsBytes(R"({"__metadata__":{"a":1}})", 0),
       "the number 1"},
      {"metadata twice in one object", SafetensorsBytes(R"({"__metadata__":{"a":"","a":""}})", 0),
       "'a' occurs twice"},
      {"end before begin", SafetensorsBytes(One(f32 + R"("shape":[1],"data_offsets":[4,0])"), 4),
       "lies at [4, 0)"},
      {"end outside the file",
       SafetensorsBytes(One(f32 + R"("shape":[2],"data_offsets":[0,8])"), 4),
       "it is cut short: its tensors take 8 bytes, and 4 are there"},
      {"gap at the start", SafetensorsBytes(One(f32 + R"("shape":[1],"data_offsets":[4,8])"), 8),
       "gap after byte 0"},
      {"gap in the middle",
       SafetensorsBytes(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("y":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                        3),
       "tensor 'y' lies at [2, 3), which leaves a gap after byte 1"},
      {"overlap",
       SafetensorsBytes(R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                        R"("y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                        3),
       "overlap before byte 2"},
      {"bytes left over", SafetensorsBytes(One(f32 + R"("shape":[1],"data_offsets":[0,4])"), 5),
       "end at byte 4 of 5"},
      {"range too short for the shape",
       SafetensorsBytes(One(f32 + R"("shape":[2],"data_offsets":[0,4])"), 4), "needs 8 bytes"},
      {"range too long for the shape",
       SafetensorsBytes(One(f32 + R"("shape":[1],"data_offsets":[0,8])"), 8), "needs 4 bytes"},
      {"shape that overflows to the right size",
       SafetensorsBytes(One(f32 + R"("shape":[4611686018427387905],"data_offsets":[0,4])"), 4),
       "overflows"},
      {"shape that overflows and ends in zero",
       SafetensorsBytes(One(f32 + R"("shape":[4294967296,4294967296,0],"data_offsets":[0,0])"), 0),
       "overflows"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.rule);
    const absl::Status status = ParseSafetensorsHeader(c.bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    EXPECT_LT(status.message().size(), 1000u);
  }
}

TEST(ParseSafetensorsHeader, MakesNamesSafeForMessages) {
  const std::string name = std::string("\\u001b[2J") + std::string(10'000, 'x');
  const absl::Status status =
      ParseSafetensorsHeader(SafetensorsBytes("{\"" + name + "\":1}", 0)).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("\\033[2J"));
  EXPECT_LT(status.message().size(), 400u);
}

// What an accepted file promises, whatever its bytes.
void ExpectSound(const SafetensorsHeader& header, std::string_view bytes) {
  uint64_t begin = 0;
  for (const TensorInfo& tensor : header.tensors) {
    EXPECT_EQ(tensor.begin, begin);
    EXPECT_LE(tensor.begin, tensor.end);
    begin = tensor.end;
  }
  EXPECT_EQ(header.data_start + begin, bytes.size());
}

TEST(ParseSafetensorsHeader, SurvivesRandomDamage) {
  std::mt19937 random(20261122);
  const std::string sound = SafetensorsBytes(kSound, 16);
  const std::string_view alphabet = "{}[]\",:0123456789-eE.\\ \x00\xFFxF32BdtypeshapU";
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = sound;
    for (int edits = 1 + static_cast<int>(random() % 4); edits > 0 && !bytes.empty(); --edits) {
      const size_t place = random() % bytes.size();
      switch (random() % 5) {
        case 0:
          bytes[place] = static_cast<char>(random());
          break;
        case 1:
          bytes[place] = alphabet[random() % alphabet.size()];
          break;
        case 2:
          bytes.erase(place, 1 + random() % 8);
          break;
        case 3:
          bytes.insert(place, bytes.substr(random() % bytes.size(), random() % 40));
          break;
        default:
          bytes.resize(place);
      }
    }
    // Half of the rounds with a length that fits, so that the damage reaches the JSON.
    if (round % 2 == 0 && bytes.size() >= 24) {
      bytes.replace(0, 8, LittleEndian(bytes.size() - 24));
    }
    const absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader(bytes);
    if (header.ok()) {
      ++accepted;
      ExpectSound(*header, bytes);
    }
  }
  EXPECT_GT(accepted, 0) << "the damage is too great to try the checks on ranges";
}

}  // namespace
}  // namespace chorus::runner
