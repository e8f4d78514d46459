#pragma once

// The `chorus` program itself, installed into a folder of the test beside a scripted gateway and a
// scripted runner.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/base/temp_directory.h"
#include "tests/cli/line_reader.h"

namespace chorus {

inline constexpr char kGraph[] = R"(name: inference_graph
nodes:
- {name: a, generate: {runner: gpt2-generation}}
- {name: b, generate: {runner: distilgpt2-generation}}
- {name: c, classify: {runner: bert-base-uncased-classification, inputs: [a, b]}}
output: c
)";

// A running program with its two output streams.
class Program {
 public:
  Program(const std::vector<std::string>& argv, const std::string& input,
          const std::map<std::string, std::string>& environment) {
    int in[2], out[2], err[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC) + pipe2(out, O_CLOEXEC) + pipe2(err, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      dup2(in[0], 0);
      dup2(out[1], 1);
      dup2(err[1], 2);
      std::vector<char*> pointers;
      for (const std::string& argument : argv) {
        pointers.push_back(const_cast<char*>(argument.c_str()));
      }
      pointers.push_back(nullptr);
      execv(pointers[0], pointers.data());
      _exit(127);
    }
    (void)!write(in[1], input.data(), input.size());
    for (const int fd : {in[0], in[1], out[1], err[1]}) close(fd);
    out_fd_ = out[0];
    err_fd_ = err[0];
    out_ = std::make_unique<LineReader>(out_fd_);
    err_ = std::make_unique<LineReader>(err_fd_);
  }
  ~Program() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
    CloseOutput();
    close(err_fd_);
  }

  int out_fd() const { return out_fd_; }
  LineReader& out() { return *out_; }
  LineReader& err() { return *err_; }
  void Signal(int signal) { kill(pid_, signal); }
  void CloseOutput() {
    if (out_fd_ >= 0) close(std::exchange(out_fd_, -1));
  }

  // The exit status; -N if it was killed by signal N.
  int Wait() {
    int result = 0;
    waitpid(std::exchange(pid_, -1), &result, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -WTERMSIG(result);
  }

 private:
  pid_t pid_;
  int out_fd_, err_fd_;
  std::unique_ptr<LineReader> out_, err_;
};

struct Result {
  int status;
  std::string out;
  std::string err;
};

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    // Orphans fall to this process, so that it can wait for them.
    EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    std::filesystem::create_directories(temp_ / "bin");
    std::filesystem::create_directories(temp_ / "tmp");
    const std::filesystem::path built = CHORUS_BINARY_DIR;
    std::filesystem::copy_file(built / "chorus", temp_ / "bin/chorus");
    std::filesystem::copy_file(built / "scripted_runner", temp_ / "bin/runner_server");
    std::filesystem::copy_file(built / "scripted_gateway", temp_ / "bin/api_server");
    PutFile(temp_ / "share/chorus/examples/graphs/inference_graph.yaml", kGraph);
    std::filesystem::create_directories(temp_ / "share/chorus/models");
    std::filesystem::create_directory_symlink(std::filesystem::absolute("models/demo"),
                                              temp_ / "share/chorus/models/demo");
  }
  ~CommandTest() override {
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    EXPECT_TRUE(killed_ || std::filesystem::is_empty(temp_ / "tmp"));
  }

  Program Start(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), (temp_ / "bin/chorus").native());
    return Program(arguments, input, environment_);
  }
  Result Run(const std::vector<std::string>& arguments, const std::string& input = "") {
    Program program = Start(arguments, input);
    Result result;
    result.out = program.out().Rest();
    result.err = program.err().Rest();
    result.status = program.Wait();
    return result;
  }
  Program Serve(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"serve", "--port", "0", "--grpc_port", "0"});
    return Start(arguments);
  }

  // A library of the tests, in the programs to come.
  void Preload(const std::string& library) {
    environment_["LD_PRELOAD"] = std::filesystem::path(CHORUS_BINARY_DIR) / library;
    environment_["ASAN_OPTIONS"] = "verify_asan_link_order=0";
  }
  // Makes flock succeed without locking, or fail with an error number, in the programs to come.
  void PreloadNoFlock(int error) {
    Preload("libno_flock.so");
    environment_["NO_FLOCK_ERRNO"] = std::to_string(error);
  }

  const TempDirectory temp_;
  std::map<std::string, std::string> environment_ = {{"CHORUS_HOME", temp_ / "home"},
                                                     {"TMPDIR", temp_ / "tmp"}};
  bool killed_ = false;  // Then its socket folder stays until the next run.
};

}  // namespace chorus
