#include "cli/bench/load/lengths.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/base/temp_directory.h"

namespace chorus::bench {
namespace {

using ::testing::HasSubstr;

std::vector<uint32_t> Draw(const std::string& text, int count) {
  const absl::StatusOr<Lengths> lengths = Lengths::Parse(text);
  EXPECT_TRUE(lengths.ok()) << lengths.status();
  Random random(1, 0);
  std::vector<uint32_t> drawn(count);
  for (uint32_t& each : drawn) each = lengths->Draw(random);
  return drawn;
}

double Mean(const std::vector<uint32_t>& values) {
  double sum = 0;
  for (const uint32_t value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(Lengths, OneNumberIsAlwaysThat) {
  EXPECT_EQ(Draw("128", 3), (std::vector<uint32_t>{128, 128, 128}));
}

TEST(Lengths, UniformHasBothEnds) {
  const auto drawn = Draw("uniform:3..5", 1000);
  EXPECT_EQ(std::set(drawn.begin(), drawn.end()), (std::set<uint32_t>{3, 4, 5}));
  EXPECT_NEAR(std::count(drawn.begin(), drawn.end(), 5), 333, 60);
}

TEST(Lengths, NormalHasMeanAndDeviation) {
  const auto drawn = Draw("normal:1000,100", 10000);
  const double mean = Mean(drawn);
  EXPECT_NEAR(mean, 1000, 5);
  double squares = 0;
  for (const uint32_t each : drawn) squares += (each - mean) * (each - mean);
  EXPECT_NEAR(std::sqrt(squares / 10000), 100, 5);
}

TEST(Lengths, NormalIsCutAtOne) {
  const auto drawn = Draw("normal:2,50", 1000);
  EXPECT_EQ(*std::min_element(drawn.begin(), drawn.end()), 1u);
}

TEST(Lengths, LognormalHasMedian) {
  auto drawn = Draw("lognormal:200,1", 10001);
  std::nth_element(drawn.begin(), drawn.begin() + 5000, drawn.end());
  EXPECT_NEAR(drawn[5000], 200, 12);
  EXPECT_NEAR(Mean(drawn), 200 * std::exp(0.5), 25);
}

TEST(Lengths, FileHasALengthALine) {
  const TempDirectory temp;
  PutFile(temp / "lengths", "7\n\n 9 \r\n7\n");
  const auto drawn = Draw("file:" + (temp / "lengths").native(), 3000);
  EXPECT_EQ(std::set(drawn.begin(), drawn.end()), (std::set<uint32_t>{7, 9}));
  EXPECT_NEAR(std::count(drawn.begin(), drawn.end(), 9), 1000, 120);
}

TEST(Lengths, FileWithAMistakeNamesItsLine) {
  const TempDirectory temp;
  PutFile(temp / "lengths", "7\nmany\n");
  const std::string path = temp / "lengths";
  EXPECT_EQ(Lengths::Parse("file:" + path).status().message(),
            path + ":2: must be a number of tokens, 1 to 1048576: \"many\"");
  PutFile(temp / "lengths", "\n");
  EXPECT_EQ(Lengths::Parse("file:" + path).status().message(), path + " has no lengths");
  EXPECT_THAT(Lengths::Parse("file:/no/such").status().message(), HasSubstr("/no/such"));
}

TEST(Lengths, RefusesWhatIsNone) {
  for (const char* text :
       {"", "0", "-1", "1.5", "1048577", "many", "uniform:5..3", "uniform:5", "uniform:0..3",
        "uniform:1.5..3", "uniform:1..2.5", "normal:5", "normal:0,1", "normal:5,-1", "normal:5,nan",
        "lognormal:a,b", "gamma:1,2"}) {
    EXPECT_EQ(Lengths::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace chorus::bench
