#include "runner_server/tokenizer/prefix_trie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<size_t, int32_t>> Prefixes(const PrefixTrie& trie, std::string_view text) {
  std::vector<std::pair<size_t, int32_t>> prefixes;
  trie.VisitPrefixes(text, [&](size_t size, int32_t value) { prefixes.emplace_back(size, value); });
  return prefixes;
}

TEST(PrefixTrie, FindsTheKeysThatATextBeginsWith) {
  PrefixTrie::Builder builder;
  for (const auto& [key, value] : std::vector<std::pair<std::string, int32_t>>{
           {"a", 1}, {"abc", 2}, {"b", 3}, {"\xC3\xA9", 4}, {"abd", 5}, {"a", 6}}) {
    builder.Add(key, value);
  }
  const PrefixTrie trie = std::move(builder).Build();
  EXPECT_THAT(Prefixes(trie, "abcd"), ElementsAre(Pair(1, 6), Pair(3, 2)));
  EXPECT_THAT(Prefixes(trie, "ab"), ElementsAre(Pair(1, 6)));
  EXPECT_THAT(Prefixes(trie, "\xC3\xA9"), ElementsAre(Pair(2, 4)));
  EXPECT_THAT(Prefixes(trie, "\xC3"), IsEmpty());
  EXPECT_THAT(Prefixes(trie, "xa"), IsEmpty());
  EXPECT_THAT(Prefixes(trie, ""), IsEmpty());
  EXPECT_EQ(trie.LongestPrefix("abdx").num_bytes, 3u);
  EXPECT_EQ(trie.LongestPrefix("abdx").value, 5);
  EXPECT_EQ(trie.LongestPrefix("x").num_bytes, 0u);
}

TEST(PrefixTrie, HasNoKeysByDefault) {
  EXPECT_TRUE(PrefixTrie().empty());
  EXPECT_THAT(Prefixes(PrefixTrie(), "a"), IsEmpty());
  EXPECT_TRUE(PrefixTrie::Builder().Build().empty());
}

TEST(PrefixTrie, EqualsTheDefinition) {
  std::mt19937 random(5);
  const auto word = [&] {
    std::string text;
    for (size_t i = 0; i <= random() % 6; ++i) text.push_back("ab\xFF"[random() % 3]);
    return text;
  };
  std::map<std::string, int32_t> keys;
  PrefixTrie::Builder builder;
  for (int32_t i = 0; i < 300; ++i) {
    const std::string key = word();
    keys[key] = i;
    builder.Add(key, i);
  }
  const PrefixTrie trie = std::move(builder).Build();
  for (int i = 0; i < 300; ++i) {
    const std::string text = word() + word();
    std::vector<std::pair<size_t, int32_t>> expected;
    for (size_t size = 1; size <= text.size(); ++size) {
      if (const auto key = keys.find(text.substr(0, size)); key != keys.end()) {
        expected.emplace_back(size, key->second);
      }
    }
    EXPECT_THAT(Prefixes(trie, text), ElementsAreArray(expected)) << text;
  }
}

}  // namespace
}  // namespace chorus::runner
