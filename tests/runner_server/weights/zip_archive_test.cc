#include "runner_server/weights/zip_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace chorus::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string Little(uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i, value >>= 8) bytes.push_back(static_cast<char>(value));
  return bytes;
}

struct Member {
  std::string name;
  std::string data;
  int method = 0;
  int flags = 0;
  std::string local_name = name;
};

// An archive of these members, with Zip64's numbers where `is_wide`.
std::string Zip(const std::vector<Member>& members, bool is_wide = false,
                const std::string& comment = "") {
  std::string bytes;
  std::string directory;
  for (const Member& member : members) {
    const std::string common = Little(member.flags, 2) + Little(member.method, 2) + Little(0, 8);
    const uint64_t begin = bytes.size();
    const uint64_t size = member.data.size();
    bytes += "PK\x03\x04" + Little(20, 2) + common + Little(size, 4) + Little(size, 4) +
             Little(member.local_name.size(), 2) + Little(3, 2) + member.local_name + "pad" +
             member.data;
    const std::string extra = is_wide ? Little(7, 2) + Little(1, 2) + "x" + Little(1, 2) +
                                            Little(24, 2) + Little(size, 8) + Little(size, 8) +
                                            Little(begin, 8)
                                      : "";
    const auto narrow = [&](uint64_t value) { return Little(is_wide ? 0xFFFFFFFF : value, 4); };
    directory += "PK\x01\x02" + Little(20, 2) + Little(20, 2) + common + narrow(size) +
                 narrow(size) + Little(member.name.size(), 2) + Little(extra.size(), 2) +
                 Little(0, 10) + narrow(begin) + member.name + extra;
  }
  const uint64_t begin = bytes.size();
  bytes += directory;
  if (is_wide) {
    const uint64_t end = bytes.size();
    bytes += "PK\x06\x06" + Little(44, 8) + Little(0, 12) + Little(members.size(), 8) +
             Little(members.size(), 8) + Little(directory.size(), 8) + Little(begin, 8);
    bytes += "PK\x06\x07" + Little(0, 4) + Little(end, 8) + Little(1, 4);
  }
  return bytes + "PK\x05\x06" + Little(0, 4) + Little(members.size(), 2) +
         Little(members.size(), 2) + Little(directory.size(), 4) +
         Little(is_wide ? 0xFFFFFFFF : begin, 4) + Little(comment.size(), 2) + comment;
}

void ExpectFault(const std::string& bytes, const std::string& what) {
  const absl::Status status = ReadZipArchive(bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << what;
  EXPECT_THAT(std::string(status.message()), HasSubstr(what));
}

TEST(ReadZipArchive, GivesEachEntryItsBytes) {
  for (const bool is_wide : {false, true}) {
    const std::string bytes = Zip({{"a/data.pkl", "hello"}, {"a/data/0", ""}}, is_wide);
    const auto entries = ReadZipArchive(bytes);
    ASSERT_TRUE(entries.ok()) << entries.status();
    EXPECT_THAT(*entries, ElementsAre(Pair("a/data.pkl", "hello"), Pair("a/data/0", "")));
    EXPECT_GE(entries->begin()->second.data(), bytes.data());
  }
  EXPECT_THAT(*ReadZipArchive(Zip({})), IsEmpty());
}

TEST(ReadZipArchive, FindsTheEndBeforeAComment) {
  EXPECT_THAT(*ReadZipArchive(Zip({{"a", "x"}}, false, "PK\x05\x06 is not the end")),
              ElementsAre(Pair("a", "x")));
}

TEST(ReadZipArchive, SaysWhatIsWrong) {
  for (const std::string& bytes :
       {std::string(), std::string("PK\x03\x04"),
        std::string(100'000, 'x') + Zip({{"a", "x"}}) + std::string(70'000, 'x')}) {
    const absl::Status status = ReadZipArchive(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("it has no end: the file is cut short"));
  }
  ExpectFault(Zip({{"a", "x", 8}}), "a is compressed");
  ExpectFault(Zip({{"a", "x", 0, 1}}), "a is encrypted");
  ExpectFault(Zip({{"a", "x"}, {"a", "y"}}), "a is there twice");
  ExpectFault(Zip({{"a", "x", 0, 0, "b"}}), "a has another name where it lies");
  const std::string whole = Zip({{"name", "data"}});
  const size_t directory = whole.find("PK\x01\x02");
  const auto with = [&](size_t at, const std::string& bytes) {
    std::string changed = whole;
    return changed.replace(at, bytes.size(), bytes);
  };
  ExpectFault(with(directory, "XX"), "no entry where one should be");
  ExpectFault(with(directory + 28, Little(60000, 2)), "directory is cut short");
  ExpectFault(with(directory + 42, Little(3, 4)), "name is not where it should be");
  ExpectFault(with(directory + 20, Little(900, 4) + Little(900, 4)), "name is cut short");
  ExpectFault(with(directory + 24, Little(0xFFFFFFFF, 4)), "no sizes of name");
  ExpectFault(with(whole.size() - 12, Little(2, 2)), "directory is cut short");
}

TEST(ReadZipArchive, BoundsTheNumberOfEntries) {
  std::string bytes = Zip({{"a", "x"}}, true);
  const size_t end = bytes.find("PK\x06\x06");
  bytes.replace(end + 32, 8, Little(UINT64_MAX, 8));
  ExpectFault(bytes, "directory is cut short");
  bytes.replace(bytes.find("PK\x06\x07") + 8, 8, Little(UINT64_MAX, 8));
  ExpectFault(bytes, "Zip64 end is not where it should be");
}

}  // namespace
}  // namespace chorus::runner
