#include "runner_server/weights/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "runner_server/weights/pickle_calls.h"

namespace chorus::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Bytes with NULs.
template <size_t n>
std::string Bytes(const char (&text)[n]) {
  return std::string(text, n - 1);
}

std::string Header() { return Bytes("\x80\x02"); }
std::string Global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string Storage() {
  return Bytes("(U\x07storage") + Global("torch", "HalfStorage") + Bytes("U\x01") + "7" +
         Bytes("U\x03") + "cpu" + Bytes("K\x06tQ");
}

void ExpectFault(const std::string& program, const std::string& what) {
  const absl::Status status = ReadPickle(Header() + program).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << what;
  EXPECT_THAT(std::string(status.message()), HasSubstr(what));
}

TEST(ReadPickle, ReadsNumbers) {
  for (const auto& [program, value] : std::vector<std::pair<std::string, int64_t>>{
           {Bytes("K\xFF."), 255},
           {Bytes("M\xFF\xFF."), 65535},
           {Bytes("J\xFE\xFF\xFF\xFF."), -2},
           {Bytes("\x8A\x00."), 0},
           {Bytes("\x8A\x01\xFF."), -1},
           {Bytes("\x8A\x05\x00\x00\x00\x00\x01."), int64_t{1} << 32},
           {Bytes("\x8A\x08\x00\x00\x00\x00\x00\x00\x00\x80."), INT64_MIN}}) {
    const absl::StatusOr<Pickle> pickle = ReadPickle(Header() + program);
    ASSERT_TRUE(pickle.ok()) << pickle.status();
    ASSERT_NE(pickle->As<int64_t>(pickle->root), nullptr);
    EXPECT_EQ(*pickle->As<int64_t>(pickle->root), value);
  }
  const absl::StatusOr<Pickle> number =
      ReadPickle(Header() + Bytes("G?\xF8\x00\x00\x00\x00\x00\x00."));
  ASSERT_TRUE(number.ok()) << number.status();
  EXPECT_EQ(*number->As<double>(number->root), 1.5);
}

TEST(ReadPickle, EndsWhereThePickleDoes) {
  const std::string bytes = Header() + "N.more";
  const absl::StatusOr<Pickle> pickle = ReadPickle(bytes);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  EXPECT_EQ(pickle->size_bytes, 4u);
}

TEST(ReadPickle, MakesContainers) {
  // A list of 1, a tuple and 3, and the list again.
  const absl::StatusOr<Pickle> list = ReadPickle(Header() + Bytes("]q\x05(K\x01(K\x02\x88tK\x03"
                                                                  "eh\x05\x86."));
  ASSERT_TRUE(list.ok()) << list.status();
  const auto* pair = list->As<PickleTuple>(list->root);
  ASSERT_NE(pair, nullptr);
  ASSERT_EQ(pair->size(), 2u);
  EXPECT_EQ((*pair)[0], (*pair)[1]);
  const auto* items = list->As<PickleList>((*pair)[0]);
  ASSERT_NE(items, nullptr);
  ASSERT_EQ(items->size(), 3u);
  EXPECT_EQ(list->As<PickleTuple>((*items)[1])->size(), 2u);
}

TEST(ReadPickle, AListMayHoldItself) {
  const absl::StatusOr<Pickle> pickle = ReadPickle(Header() + Bytes("]q\x00h\x00") + "a.");
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  EXPECT_THAT(*pickle->As<PickleList>(pickle->root), ElementsAre(pickle->root));
}

TEST(ReadPickle, DescribesATensor) {
  const std::string call = Global("torch._utils", "_rebuild_tensor_v2") + "(" + Storage() +
                           Bytes("K\x01K\x02\x85K\x03\x85\x89") +
                           Global("collections", "OrderedDict") + ")RtR.";
  const std::string bytes = Header() + call;
  const absl::StatusOr<Pickle> pickle = ReadPickle(bytes);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  const auto* tensor = pickle->As<PickledTensor>(pickle->root);
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->offset, 1u);
  EXPECT_THAT(*PickledExtents(*pickle, tensor->shape), ElementsAre(2));
  EXPECT_THAT(*PickledExtents(*pickle, tensor->strides), ElementsAre(3));
  const auto* storage = pickle->As<PickledStorage>(tensor->storage);
  EXPECT_EQ(storage->key, "7");
  EXPECT_EQ(storage->dtype, DType::kF16);
  EXPECT_EQ(storage->num_elements, 6u);
}

TEST(ReadPickle, RefusesEveryOtherNameAndOpcodeByName) {
  ExpectFault(Global("os", "system") + Bytes("U\x04true\x85R."),
              "more than tensors and containers: os.system");
  ExpectFault(Global("builtins", "eval") + ".", "builtins.eval");
  ExpectFault(Global("torch", "load") + ".", "torch.load");
  ExpectFault(Global("torch.storage", "FloatStorage") + ".", "torch.storage.FloatStorage");
  ExpectFault(Global("o\x01s", "x") + ".", "o\\001s.x");
  // INST, OBJ, NEWOBJ, EXT1, STACK_GLOBAL, PERSID, BINBYTES: what else could name or make
  // something.
  for (const int opcode : {int{'i'}, int{'o'}, 0x81, 0x82, 0x93, int{'P'}, int{'B'}, 0x8B, 0x95}) {
    ExpectFault(std::string("N") + static_cast<char>(opcode) + ".",
                absl::StrFormat("opcode 0x%02x at byte 3", opcode));
  }
}

TEST(ReadPickle, RefusesOtherProtocols) {
  for (const std::string& bytes :
       {Bytes("\x80\x04N."), Bytes("(dp0\n."), Bytes("\x80"), Bytes("")}) {
    EXPECT_THAT(std::string(ReadPickle(bytes).status().message()), HasSubstr("not of protocol 2"));
  }
}

TEST(ReadPickle, NamesWhatIsBroken) {
  const std::string rebuild = Global("torch._utils", "_rebuild_tensor_v2");
  for (const auto& [program, what] : std::vector<std::pair<std::string, std::string>>{
           {"", "cut short"},
           {"K", "cut short"},
           {Bytes("X\xFF\xFF\xFF\xFF") + "a.", "cut short"},
           {"ctorch\nFloat", "cut short"},
           {".", "more than one value"},
           {"(.", "more than one value"},
           {"NN.", "more than one value"},
           {"t.", "a tuple begins nowhere"},
           {"\x86.", "a tuple lacks values"},
           {"N(\x85.", "a tuple lacks values"},  // Not across a mark.
           {"e.", "no list"},
           {"a.", "a list lacks values"},
           {"}Na.", "no list"},
           {"]NNs.", "no dict"},
           {"}(Nu.", "a key has no value"},
           {Bytes("q\x01."), "nothing is there"},
           {Bytes("h\x01."), "what it recalls"},
           {Bytes("j\x01\x00\x00\x00."), "what it recalls"},
           {Bytes("\x8A\x09") + "123456789.", "more than 64 bits"},
           {"Q.", "a storage lacks its name"},
           {"NQ.", "named in no known way"},
           {")Q.", "named in no known way"},
           {"NR.", "a call lacks values"},
           {"N)R.", "is no function"},
           {Global("torch", "FloatStorage") + ")R.", "a storage is called"},
           {Global("collections", "OrderedDict") + "N\x85R.", "OrderedDict is made of something"},
           {rebuild + ")R.", "a tensor lacks values"},
           {rebuild + "(NNNNNNtR.", "a tensor is not made of"},
           {rebuild + "(" + Storage() + Bytes("K\x00K\x02\x85)\x89Nt") + "R.",
            "a tensor is not made"},
           {rebuild + "(" + Storage() + Bytes("J\xFF\xFF\xFF\xFF))\x89Nt") + "R.",
            "a tensor is not"},
           {Global("torch._utils", "_rebuild_parameter") + "N\x88N\x87R.", "not made of a tensor"},
           {"]Nb.", "is no dict"},
           {"Nb.", "attributes lack an object"}}) {
    ExpectFault(program, what);
  }
}

}  // namespace
}  // namespace chorus::runner
