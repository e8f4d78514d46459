#include "cli/serve/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

ChildProcess StartShell(const std::string& script) {
  absl::StatusOr<ChildProcess> child = ChildProcess::Start({"/bin/sh", "-c", script});
  EXPECT_TRUE(child.ok()) << child.status();
  return *std::move(child);
}

// Reads until `num_bytes` have come (or the output ended).
std::string Read(const ChildProcess& child, size_t num_bytes = std::string::npos) {
  std::string output;
  char byte;
  while (output.size() < num_bytes) {
    pollfd entry{child.output_fd(), POLLIN, 0};
    if (poll(&entry, 1, -1) < 0) continue;
    if (read(child.output_fd(), &byte, 1) <= 0) break;
    output += byte;
  }
  return output;
}

TEST(ChildProcess, CollectsOutputAndExit) {
  const struct {
    const char* script;
    const char* output;
    ChildExit exit;
  } kCases[] = {
      {"echo out; echo err >&2; exit 0", "out\nerr\n", {false, 0}},
      {"exit 7", "", {false, 7}},
      {"kill -SEGV $$", "", {true, SIGSEGV}},
      {"cat", "", {false, 0}},  // Standard input is empty.
  };
  for (const auto& c : kCases) {
    ChildProcess child = StartShell(c.script);
    EXPECT_EQ(Read(child), c.output) << c.script;
    EXPECT_EQ(child.Wait(), c.exit) << c.script;
    EXPECT_EQ(child.TryWait(), c.exit) << c.script;
    child.Signal(SIGKILL);  // To nobody.
  }
}

TEST(ChildProcess, SaysInItsOutputThatItCannotBeRun) {
  absl::StatusOr<ChildProcess> child = ChildProcess::Start({"/no/such/program", "x"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(Read(*child), "cannot run /no/such/program: No such file or directory\n");
  EXPECT_EQ(child->Wait(), (ChildExit{false, 127}));
}

TEST(ChildProcess, PassesArgumentsAsTheyAre) {
  absl::StatusOr<ChildProcess> child =
      ChildProcess::Start({"/bin/sh", "-c", "printf '<%s>' \"$@\"", "sh", "", "a b", "*"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(Read(*child), "<><a b><*>");
}

TEST(ChildProcess, LeadsAGroupOfItsOwnWithDefaultSignals) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t all, old;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  ChildProcess child =
      StartShell("cut -d' ' -f5 /proc/$$/stat; grep -E 'Sig(Blk|Ign)' /proc/self/status");
  sigprocmask(SIG_SETMASK, &old, nullptr);
  const std::string output = Read(child);
  EXPECT_THAT(output, StartsWith(std::to_string(child.pid()) + "\n"));
  EXPECT_THAT(output, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(output, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST(ChildProcess, SignalsWhatItStartedToo) {
  ChildProcess child = StartShell("cat /dev/zero > /dev/null & echo up; wait");
  EXPECT_EQ(Read(child, 3), "up\n");
  child.Signal(SIGTERM);
  EXPECT_EQ(Read(child), "");  // Ends only when all who hold the pipe have.
  EXPECT_EQ(child.Wait(), (ChildExit{true, SIGTERM}));
}

TEST(ChildProcess, DiesWithTheObject) {
  pid_t pid;
  {
    const ChildProcess child = StartShell("trap '' TERM; echo up; exec sleep 1000");
    pid = child.pid();
    EXPECT_EQ(Read(child, 3), "up\n");
  }
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

// This process becomes the one that orphans fall to, so that it can wait for them.
TEST(ChildProcess, DiesWithItsParentHoweverThatEnds) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int pids[2];
  ASSERT_EQ(pipe(pids), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const ChildProcess child = StartShell("trap '' TERM INT HUP; echo up; exec sleep 1000");
    Read(child, 3);
    const pid_t pid = child.pid();
    if (write(pids[1], &pid, sizeof(pid)) != sizeof(pid)) _exit(1);
    for (;;) pause();
  }
  pid_t child = 0;
  ASSERT_EQ(read(pids[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  ASSERT_EQ(kill(parent, SIGKILL), 0);
  int result = 0;
  EXPECT_EQ(waitpid(parent, &result, 0), parent);
  EXPECT_EQ(waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
  close(pids[0]);
  close(pids[1]);
}

TEST(ChildProcess, InheritsNoDescriptorsOfItsSiblings) {
  const ChildProcess sibling = StartShell("exec sleep 1000");
  ChildProcess child = StartShell("ls /proc/self/fd | sort -n | tr '\\n' ' '");
  const std::string output = Read(child);
  const std::string name = absl::StrCat(" ", sibling.output_fd(), " ");
  EXPECT_THAT(output, StartsWith("0 1 2 "));
  EXPECT_THAT(output, Not(HasSubstr(name)));
}

}  // namespace
}  // namespace chorus
