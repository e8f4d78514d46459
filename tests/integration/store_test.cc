// The model store under programs that are killed at any moment, and on a disk that is full: what is
// left passes `chorus models verify --all`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr seconds kPatience(120);

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : dir_(MakeTempDir()) { fs::create_directory(dir_ + "/out"); }
  ~StoreTest() override { fs::remove_all(dir_); }

  std::unique_ptr<Process> Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {CHORUS_BINARY_DIR "/chorus", "models"});
    return std::make_unique<Process>(
        arguments, dir_ + "/log",
        std::map<std::string, std::string>{{"CHORUS_HOME", dir_ + "/home"}});
  }
  int Run(const std::vector<std::string>& arguments) {
    return Start(arguments)->WaitForExit(kPatience);
  }
  std::string Log() const {
    std::ifstream file(dir_ + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string dir_;
};

// Each verb that changes something is killed again and again, at a moment between its start and the
// time that it takes.
TEST_F(StoreTest, WhatAKilledProgramLeavesIsWhole) {
  const std::string archive = dir_ + "/out/whole.tar.gz";
  ASSERT_EQ(Run({"import", "models/demo/distilgpt2", "base:v1"}), 0) << Log();
  ASSERT_EQ(Run({"export", "base:v1", archive}), 0) << Log();
  std::mt19937 random(16);
  int num_killed = 0;
  for (int round = 0; round < 5; ++round) {
    const std::string tag = absl::StrCat("crash:v", round);
    const std::vector<std::vector<std::string>> kCommands = {
        {"import", "models/demo/distilgpt2", tag},
        {"import", archive, absl::StrCat("unpacked:v", round)},
        {"copy", "base:v1", absl::StrCat("copy:v", round)},
        {"label", "base:v1", absl::StrCat("round=", round)},
        {"export", "base:v1", absl::StrCat(dir_, "/out/", round, ".tar.gz")},
        {"delete", "copy", "-y"},
    };
    for (const std::vector<std::string>& command : kCommands) {
      static std::map<std::string, milliseconds> times;  // Of a whole run, by verb and kind.
      milliseconds& time = times[command[0] + fs::path(command[1]).extension().native()];
      const auto began = steady_clock::now();
      if (time == milliseconds(0)) {
        EXPECT_EQ(Run(command), 0) << absl::StrJoin(command, " ") << Log();
        time = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
      } else {
        std::uniform_int_distribution<int64_t> moment(0, time.count());
        const std::unique_ptr<Process> process = Start(command);
        std::this_thread::sleep_for(milliseconds(moment(random)));  // The moment is the test.
        process->Signal(SIGKILL);
        num_killed += process->WaitForExit(kPatience) == 128 + SIGKILL;
      }
      ASSERT_EQ(Run({"verify", "--all"}), 0) << absl::StrJoin(command, " ") << Log();
    }
  }
  EXPECT_GT(num_killed, 5);
  // Whatever was left, the same commands go through, and leave nothing lying about.
  EXPECT_EQ(Run({"import", archive, "after:v1"}), 0) << Log();
  EXPECT_EQ(Run({"export", "base:v1", dir_ + "/out/after.tar.gz"}), 0) << Log();
  EXPECT_TRUE(fs::is_empty(dir_ + "/home/models/.tmp"));
  for (const auto& file : fs::directory_iterator(dir_ + "/out")) {
    EXPECT_THAT(file.path().filename().native(), Not(HasSubstr(".chorus-export-")));
    EXPECT_EQ(Shell("tar -tzf " + file.path().native() + " >/dev/null").exit_status, 0)
        << file.path();
  }
}

// On a file system of each of these sizes, between too small for anything and large enough for two
// models. It is mounted in a namespace of the shell's own.
TEST_F(StoreTest, AFullDiskRefusesAndLeavesWhatIsThere) {
  if (Shell("unshare -rm true").exit_status != 0) GTEST_SKIP() << "no namespaces for users here";
  const std::string chorus = CHORUS_BINARY_DIR "/chorus";
  const std::string script = absl::StrCat(R"sh(
    set -u
    for kib in 100 3000 6000 6300 9000 11800 12300 15000 18000; do
      mkdir -p $dir/mnt
      mount -t tmpfs -o size=${kib}k none $dir/mnt || exit 1
      export CHORUS_HOME=$dir/mnt/home
      for n in 1 2; do
        $chorus models import models/demo/distilgpt2 full:v$n >$dir/out/log 2>&1
        echo "$kib import $n: $? $(tail -1 $dir/out/log)"
      done
      $chorus models copy full full:v3 >$dir/out/log 2>&1
      echo "$kib copy: $? $(tail -1 $dir/out/log)"
      $chorus models label full size=$kib >$dir/out/log 2>&1
      echo "$kib label: $? $(tail -1 $dir/out/log)"
      $chorus models export full $dir/mnt/full.tar.gz >$dir/out/log 2>&1
      echo "$kib export: $? $(tail -1 $dir/out/log)"
      ls -A $dir/mnt/home/models/.tmp 2>/dev/null | sed "s/^/$kib left: /"
      $chorus models verify --all >$dir/out/log 2>&1
      echo "$kib verify: $? $(tail -1 $dir/out/log)"
      for n in 1 2 3; do $chorus models delete full:v$n -y >/dev/null 2>&1; done
      ls -d $dir/mnt/home/models/full/v* 2>/dev/null | sed "s/^/$kib undeleted: /"
      umount $dir/mnt
    done
  )sh");
  std::ofstream(dir_ + "/script") << "dir=" << dir_ << "\nchorus=" << chorus << script;
  const ShellResult result = Shell("unshare -rm sh " + dir_ + "/script");
  ASSERT_EQ(result.exit_status, 0) << result.out;
  std::istringstream lines(result.out);
  int num_refused = 0, num_done = 0, num_verified = 0;
  for (std::string line; std::getline(lines, line);) {
    SCOPED_TRACE(line);
    EXPECT_THAT(line, Not(AnyOf(HasSubstr("left: "), HasSubstr("undeleted: "))));
    const bool is_verify = line.find(" verify: ") != std::string::npos;
    num_verified += is_verify;
    if (line.find(": 0 ") != std::string::npos) {
      ++num_done;
      continue;
    }
    EXPECT_FALSE(is_verify);
    ++num_refused;
    // For want of space, or because what it needs was refused before.
    EXPECT_THAT(line, AllOf(HasSubstr(": 1 chorus: "),
                            AnyOf(HasSubstr("No space left on device"), HasSubstr("room for"),
                                  HasSubstr("no model full"))));
  }
  EXPECT_EQ(num_verified, 9) << result.out;
  EXPECT_GT(num_refused, 9) << result.out;
  EXPECT_GT(num_done, 9 + 9) << result.out;
}

}  // namespace
}  // namespace chorus
