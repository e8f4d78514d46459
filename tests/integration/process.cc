#include "tests/integration/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

namespace chorus {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The parent of a living process, from /proc/PID/stat: "pid (comm) state ppid ..."; comm may hold
// spaces.
std::optional<pid_t> ReadStat(const std::string& pid) {
  const std::string stat = ReadFile("/proc/" + pid + "/stat");
  const size_t comm_end = stat.rfind(')');
  char state = 0;
  pid_t parent = 0;
  if (comm_end == std::string::npos) return std::nullopt;
  if (std::sscanf(stat.c_str() + comm_end + 1, " %c %d", &state, &parent) != 2) return std::nullopt;
  if (state == 'Z' || state == 'X') return std::nullopt;
  return parent;
}

int ShellStatus(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Process::Process(std::vector<std::string> arguments, std::string log,
                 std::map<std::string, std::string> environment)
    : log_(std::move(log)) {
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    const int fd = open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    std::fprintf(stderr, "cannot run %s\n", argv[0]);
    _exit(127);
  }
  if (pid_ < 0) std::abort();
}

Process::~Process() {
  if (status_ >= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string Process::Log() const { return ReadFile(log_); }

std::string Process::WaitForLine(const std::string& text, std::chrono::seconds patience) {
  std::string line;
  Eventually(
      [&] {
        const bool ended = WaitForExit(std::chrono::seconds(0)) >= 0;
        std::istringstream log(Log());
        for (std::string each; std::getline(log, each);) {
          if (each.find(text) != std::string::npos) line = each;
        }
        return ended || !line.empty();
      },
      patience);
  return line;
}

int Process::Count(const std::string& text) const {
  const std::string log = Log();
  int count = 0;
  for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
  return count;
}

bool Process::WaitForCount(const std::string& text, int count,
                           std::chrono::seconds patience) const {
  return Eventually([&] { return Count(text) >= count; }, patience);
}

void Process::Signal(int signal) {
  if (status_ < 0) kill(pid_, signal);
}

int Process::WaitForExit(std::chrono::seconds patience) {
  Eventually(
      [&] {
        int status = 0;
        if (status_ < 0 && waitpid(pid_, &status, WNOHANG) == pid_) status_ = ShellStatus(status);
        return status_ >= 0;
      },
      patience);
  return status_;
}

bool Alive(pid_t pid) { return ReadStat(std::to_string(pid)).has_value(); }

std::map<pid_t, std::string> ChildrenOf(pid_t parent) {
  std::map<pid_t, std::string> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (ReadStat(name) != parent) continue;
    std::string command = ReadFile(entry.path() / "cmdline");
    for (char& c : command) {
      if (c == '\0') c = ' ';
    }
    children[std::stoi(name)] = command;
  }
  return children;
}

ShellResult Shell(const std::string& command) {
  FILE* pipe = popen(("exec 2>&1; " + command).c_str(), "r");
  std::string out;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  return {ShellStatus(pclose(pipe)), out};
}

std::string MakeTempDir() {
  std::string pattern = ::testing::TempDir() + "/chorusXXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

void PauseBetweenTries() { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

std::string WaitForPort(const std::string& path, const std::string& key,
                        std::chrono::milliseconds patience) {
  std::string value;
  Eventually(
      [&] {
        std::ifstream file(path);
        for (std::string line; std::getline(file, line);) {
          if (line.rfind(key + "=", 0) == 0) value = line.substr(key.size() + 1);
        }
        return !value.empty();
      },
      patience);
  return value;
}

}  // namespace chorus
