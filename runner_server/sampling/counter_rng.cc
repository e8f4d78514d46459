#include "runner_server/sampling/counter_rng.h"

namespace chorus::runner {
namespace {

constexpr int kNumRounds = 10;
constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kKeyStep0 = 0x9E3779B9;  // The golden ratio.
constexpr uint32_t kKeyStep1 = 0xBB67AE85;  // sqrt(3) - 1.

PhiloxCounter Round(const PhiloxCounter& counter, const PhiloxKey& key) {
  const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
  const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
  return {
      static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
      static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
}

}  // namespace

PhiloxCounter Philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < kNumRounds; ++round) {
    counter = Round(counter, key);
    key[0] += kKeyStep0;
    key[1] += kKeyStep1;
  }
  return counter;
}

double UniformAt(uint64_t seed, uint32_t branch, uint32_t sequence, uint64_t position) {
  const PhiloxCounter words = Philox4x32(
      {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), branch, sequence},
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t bits = (uint64_t{words[1]} << 32 | words[0]) >> 11;
  return static_cast<double>(bits) * 0x1.0p-53;
}

}  // namespace chorus::runner
