// Runs a fuzz target over a folder of seeds, as they are and then mutated. The mutations depend on
// nothing but the seeds and the number of the run, so a failure repeats.
//
//   json_reader_fuzz_test CORPUS ITERATIONS

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace chorus {
namespace {

constexpr size_t kMaxSeedBytes = 2048;  // Larger seeds run, but are not mutated.

// Bytes that mean something to a parser of ours.
constexpr std::array<std::string_view, 40> kTokens = {"\"",
                                                      "\\",
                                                      "\\u",
                                                      "\\ud83d",
                                                      "\\ude42",
                                                      "{",
                                                      "}",
                                                      "[",
                                                      "]",
                                                      ":",
                                                      ",",
                                                      "null",
                                                      "true",
                                                      "1e999",
                                                      "-0",
                                                      "0.5",
                                                      "/",
                                                      "//",
                                                      "*",
                                                      "**",
                                                      "=",
                                                      "%",
                                                      "%2F",
                                                      "%00",
                                                      "%C3%A4",
                                                      "&",
                                                      "+",
                                                      "?",
                                                      ".",
                                                      "\n",
                                                      "\xFF",
                                                      "\xC3",
                                                      "\xED\xA0\x80",
                                                      "\xF0\x9F\x99\x82",
                                                      "\xEF\xBB\xBF",
                                                      "text",
                                                      "inner",
                                                      "deeper.",
                                                      "values",
                                                      "18446744073709551616"};

// The input that runs, for the signal handler.
std::string current_input;

// Shows the input as a C string; only what a signal handler may call.
void ShowInputAndDie(int signal_number) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : current_input) {
    const auto byte = static_cast<unsigned char>(c);
    const char escaped[] = {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    const bool printable = byte >= 0x20 && byte < 0x7F && c != '\\' && c != '"';
    if (printable ? ::write(STDERR_FILENO, &c, 1) < 0 : ::write(STDERR_FILENO, escaped, 4) < 0) {
      break;
    }
  }
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

void RunOne(const std::string& input) {
  current_input = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::vector<std::string> ReadSeeds(const std::filesystem::path& corpus) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string Next() {
    std::string input = Pick(seeds_);
    for (size_t i = 0, count = 1 + Below(6); i < count; ++i) MutateOnce(input);
    return input;
  }

 private:
  void MutateOnce(std::string& input) {
    const size_t position = Below(input.size() + 1);
    const size_t length = std::min(Below(16), input.size() - position);
    switch (Below(7)) {
      case 0:
        if (position < input.size()) input[position] ^= static_cast<char>(1 << Below(8));
        break;
      case 1:
        input.insert(position, 1, static_cast<char>(Below(256)));
        break;
      case 2:
        input.erase(position, length);
        break;
      case 3:
        input.insert(position, Pick(kTokens));
        break;
      case 4:
        input.replace(position, length, Pick(kTokens));
        break;
      case 5:
        input.insert(position, input.substr(Below(input.size() + 1), length));
        break;
      default: {
        const std::string& other = Pick(seeds_);
        const size_t from = Below(other.size() + 1);
        input.replace(position, length, other.substr(from, Below(64)));
      }
    }
  }

  size_t Below(size_t limit) { return random_() % limit; }

  template <typename C>
  const typename C::value_type& Pick(const C& choices) {
    return choices[Below(choices.size())];
  }

  const std::vector<std::string> seeds_;
  std::mt19937_64 random_{20240229};
};

}  // namespace
}  // namespace chorus

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CORPUS ITERATIONS\n", argv[0]);
    return 2;
  }
  for (const int signal_number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) {
    ::signal(signal_number, chorus::ShowInputAndDie);
  }
  std::vector<std::string> seeds = chorus::ReadSeeds(argv[1]);
  if (seeds.empty()) {
    std::fprintf(stderr, "%s holds no seeds\n", argv[1]);
    return 2;
  }
  for (const std::string& seed : seeds) chorus::RunOne(seed);
  const size_t num_seeds = seeds.size();
  std::erase_if(seeds, [](const std::string& s) { return s.size() > chorus::kMaxSeedBytes; });
  chorus::Mutator mutator(std::move(seeds));
  const long iterations = std::strtol(argv[2], nullptr, 10);
  for (long i = 0; i < iterations; ++i) chorus::RunOne(mutator.Next());
  std::printf("%zu seeds and %ld mutations passed\n", num_seeds, iterations);
  return 0;
}
