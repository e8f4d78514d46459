// Real processes: the supervisor in a fork of the test, shell scripts for its children.

#include "cli/serve/supervisor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/base/temp_directory.h"
#include "tests/cli/line_reader.h"

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Runs until told to end, and says when it is told.
constexpr char kSteady[] =
    "trap 'echo told to end; exit 0' TERM; echo up; while :; do sleep 0.02; done";
constexpr char kDeaf[] = "trap '' TERM; echo up; while :; do sleep 0.02; done";

struct Script {
  const char* name;
  std::string text;
  int stop_stage = 0;
  bool essential = false;
  std::vector<std::filesystem::path> made_files = {};
  const char* shell = "/bin/sh";
};

class SupervisorTest : public ::testing::Test {
 protected:
  SupervisorTest() {
    // Orphans fall to this process, so that it can wait for them.
    EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  }
  ~SupervisorTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
    CloseReader();
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  }

  void Start(const std::vector<Script>& scripts, absl::Duration stop_timeout = absl::Seconds(60)) {
    Supervisor::Options options;
    for (const Script& script : scripts) {
      options.children.push_back({{script.name, script.stop_stage, script.essential},
                                  {script.shell, "-c", script.text},
                                  script.made_files});
    }
    options.plan.stop_timeout = stop_timeout;
    options.plan.restart.initial_backoff = absl::Milliseconds(1);
    options.plan.restart.max_backoff = absl::Milliseconds(4);
    options.log_fd = pipe_.write;
    options.color = color_;
    pid_ = fork();
    if (pid_ == 0) {
      close(pipe_.read);
      if (terminal_ >= 0) {
        setsid();
        dup2(open(ptsname(terminal_), O_RDWR), STDIN_FILENO);  // Its controlling terminal.
        close(terminal_);
      }
      _exit(Supervisor(std::move(options)).Run());
    }
    close(pipe_.write);
  }

  void CloseReader() {
    if (pipe_.read >= 0) close(std::exchange(pipe_.read, -1));
  }

  void Signal(int signal) { kill(pid_, signal); }

  // The exit status; -N if it was killed by signal N.
  int Wait() {
    int result = 0;
    waitpid(std::exchange(pid_, -1), &result, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -WTERMSIG(result);
  }

  std::string MakeFifo() {
    const std::string path = (temp_ / "fifo").native();
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return path;
  }

  // The pid of the next "started NAME, process PID".
  pid_t StartedPid() {
    const std::string line = log_.WaitFor("started ");
    return std::atoi(line.substr(line.rfind(' ') + 1).c_str());
  }

  struct Pipe {
    Pipe() {
      int fds[2] = {-1, -1};
      EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
      read = fds[0];
      write = fds[1];
    }
    int read;
    int write;
  };

  const TempDirectory temp_;
  Pipe pipe_;
  LineReader log_{pipe_.read};
  pid_t pid_ = -1;
  bool color_ = false;
  int terminal_ = -1;  // The master's end of the supervisor's; -1: it has none.
};

TEST_F(SupervisorTest, PrefixesBothStreamsOfEveryChild) {
  const std::string fifo = MakeFifo();
  Start({{"talker",
          "echo out; echo err >&2; printf 'no end'; echo said > " + fifo + "; exec sleep 1000"},
         {"other", "echo up; exec sleep 1000"}});
  EXPECT_EQ(GetFile(fifo), "said\n");
  EXPECT_TRUE(log_.WaitForAll({"[talker] out\n", "[talker] err\n", "[other] up\n"}));
  EXPECT_THAT(log_.all(), Not(HasSubstr("no end")));
  Signal(SIGTERM);
  EXPECT_EQ(log_.WaitFor("no end"), "[talker] no end");
  Wait();
}

TEST_F(SupervisorTest, RestartsWhatEndsAndLeavesTheOthersAlone) {
  Start({{"steady", kSteady}, {"crasher", "echo up; kill -SEGV $$"}});
  EXPECT_TRUE(log_.WaitForAll({"[steady] up\n"}));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(log_.WaitFor("[crasher]"), "[crasher] up");
    EXPECT_THAT(
        log_.WaitFor("crasher was"),
        HasSubstr("chorus: crasher was killed by signal 11 (Segmentation fault); starting it "
                  "again in "));
  }
  Signal(SIGTERM);
  const std::string rest = log_.Rest();
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(rest, HasSubstr("[steady] told to end"));
  EXPECT_THAT(log_.all(), Not(HasSubstr("steady exited")));
}

TEST_F(SupervisorTest, ReportsWhatCannotStartWithItsLastLine) {
  Start({{"steady", kSteady}, {"broken", "echo reading; echo no weights in /x >&2; exit 1"}});
  EXPECT_THAT(
      log_.WaitFor("cannot start"),
      HasSubstr("broken cannot start, after 3 tries (exited with status 1); it last said: no "
                "weights in /x; the others go on"));
  EXPECT_EQ(log_.WaitFor("[broken]"), "[broken] reading");  // Tried again.
  EXPECT_TRUE(log_.WaitForAll({"[steady] up\n"}));
  Signal(SIGTERM);
  EXPECT_EQ(log_.WaitFor("told"), "[steady] told to end");
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, SaysWhatCannotBeRunAtAll) {
  Start({{"gone", "", 0, true, {}, "/no/such/shell"}});
  EXPECT_THAT(log_.WaitFor("cannot start"), HasSubstr("No such file or directory"));
  EXPECT_EQ(Wait(), 1);
}

TEST_F(SupervisorTest, AnEssentialChildThatGivesUpEndsAll) {
  const std::string fifo = MakeFifo();
  Start({{"gateway", "read line < " + fifo + "; echo bad graph; exit 2", 0, true},
         {"runner", kSteady, 1}});
  log_.WaitFor("[runner] up");
  std::ofstream(fifo) << "go\n";
  EXPECT_EQ(log_.WaitFor("cannot start"),
            "chorus: gateway cannot start (exited with status 2); it last said: bad graph");
  EXPECT_EQ(log_.WaitFor("told"), "[runner] told to end");
  EXPECT_EQ(Wait(), 1);
}

TEST_F(SupervisorTest, DrainsStageAfterStage) {
  const std::string fifo = MakeFifo();
  Start({{"runner", kSteady, 1},
         {"gateway", "trap 'echo draining; read line < " + fifo +
                         "; echo drained; exit 0' TERM; echo up; while :; do sleep 0.02; done"}});
  EXPECT_TRUE(log_.WaitForAll({"[gateway] up\n", "[runner] up\n"}));
  Signal(SIGINT);
  EXPECT_EQ(log_.WaitFor("[gateway] drain"), "[gateway] draining");
  EXPECT_THAT(log_.all(), Not(HasSubstr("told to end")));  // The runner.
  std::ofstream(fifo) << "now\n";
  EXPECT_EQ(log_.WaitFor("drained"), "[gateway] drained");
  EXPECT_THAT(log_.all(), Not(HasSubstr("told to end")));
  EXPECT_EQ(log_.WaitFor("told"), "[runner] told to end");
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, ASecondSignalEndsItAtOnce) {
  Start({{"deaf", kDeaf}});
  log_.WaitFor("up");
  Signal(SIGTERM);
  log_.WaitFor("draining");
  Signal(SIGINT);
  EXPECT_EQ(log_.WaitFor("stopping"), "chorus: stopping at once");
  EXPECT_EQ(Wait(), 128 + SIGINT);
}

TEST_F(SupervisorTest, DrainsWhenItsTerminalHangsUp) {
  terminal_ = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_EQ(grantpt(terminal_) + unlockpt(terminal_), 0);
  Start({{"steady", kSteady}});
  log_.WaitFor("up");
  Signal(SIGHUP);  // By hand; there is no gateway to reload.
  close(terminal_);
  EXPECT_THAT(log_.WaitFor("draining"), HasSubstr("draining"));
  log_.Rest();
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, KillsWhatDoesNotEndInTime) {
  Start({{"deaf", kDeaf}, {"steady", kSteady, 1}}, absl::Milliseconds(50));
  log_.WaitFor("up");
  log_.WaitFor("up");
  Signal(SIGTERM);
  EXPECT_EQ(log_.WaitFor("did not"), "chorus: deaf did not stop within 50ms; killing it");
  EXPECT_EQ(log_.WaitFor("told"), "[steady] told to end");
  EXPECT_EQ(Wait(), 1);
}

TEST_F(SupervisorTest, KilledItselfItLeavesNoOrphans) {
  Start({{"deaf", "trap '' TERM HUP INT; echo up; exec sleep 1000"},
         {"other", "echo up; exec sleep 1000"}});
  const pid_t pids[] = {StartedPid(), StartedPid()};
  log_.WaitFor("up");
  log_.WaitFor("up");
  Signal(SIGKILL);
  EXPECT_EQ(Wait(), -SIGKILL);
  for (const pid_t pid : pids) {
    int result = 0;
    EXPECT_EQ(waitpid(pid, &result, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
  }
}

TEST_F(SupervisorTest, LeavesNoZombies) {
  Start({{"crasher", "exit 1"}, {"steady", kSteady}});
  EXPECT_TRUE(log_.WaitForAll({"cannot start", "[steady] up\n"}));
  Signal(SIGSTOP);
  int result = 0;
  ASSERT_EQ(waitpid(pid_, &result, WUNTRACED), pid_);
  const std::string id = std::to_string(pid_);
  const std::string children = GetFile("/proc/" + id + "/task/" + id + "/children");
  int num_zombies = 0;
  std::istringstream words(children);
  for (std::string child; words >> child;) {
    num_zombies += GetFile("/proc/" + child + "/stat").find(") Z ") != std::string::npos;
  }
  EXPECT_LE(num_zombies, 1);  // One may have just ended.
  Signal(SIGCONT);
  Signal(SIGTERM);
  log_.Rest();
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, RemovesWhatTheOldProcessMadeBeforeTheNewOne) {
  const std::string file = (temp_ / "socket").native();
  PutFile(file, "stale");
  Start({{"maker",
          "test -e " + file + " && echo stale; echo made > " + file + "; echo made; exit 1",
          0,
          false,
          {file}}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(log_.WaitFor("[maker]"), "[maker] made");
  Signal(SIGTERM);
  log_.Rest();
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, AReaderThatStallsHoldsUpNoChild) {
  const std::string fifo = MakeFifo();
  Start({{"chatty", "head -c 4000000 /dev/zero | tr '\\0' '\\n'; echo done > " + fifo +
                        "; exec sleep 1000"}});
  // It gets to its last word although nobody reads a line of the log.
  EXPECT_EQ(GetFile(fifo), "done\n");
  Signal(SIGTERM);
  EXPECT_THAT(log_.Rest(), HasSubstr("chatty"));
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, AReaderThatLeavesEndsNothing) {
  const std::string fifo = MakeFifo();
  Start({{"chatty", "trap 'exit 0' TERM; echo up; read line < " + fifo +
                        "; for i in 1 2 3 4 5; do echo line; done; echo alive > " + fifo +
                        "; while :; do sleep 0.02; done"}});
  log_.WaitFor("up");
  CloseReader();
  std::ofstream(fifo) << "go\n";
  EXPECT_EQ(GetFile(fifo), "alive\n");
  Signal(SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, ColorsTheNamesWhenAsked) {
  color_ = true;
  Start({{"steady", kSteady}});
  EXPECT_EQ(log_.WaitFor("up"), "\033[36m[steady]\033[0m up");
  Signal(SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST(WantsColor, IsForTerminalsOfPeopleWhoLikeIt) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  const int null = open("/dev/null", O_WRONLY);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(WantsColor(terminal));
  EXPECT_FALSE(WantsColor(null));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(WantsColor(terminal));
  close(terminal);
  close(null);
}

}  // namespace
}  // namespace chorus
