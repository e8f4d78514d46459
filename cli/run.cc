#include "cli/run.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <iterator>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/signal_fd.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "cli/child_process.h"
#include "cli/demo_store.h"
#include "cli/installation.h"
#include "cli/line_prefixer.h"
#include "cli/runner_session.h"
#include "cli/socket_directory.h"
#include "cli/supervision_plan.h"

namespace chorus {
namespace {

constexpr char kFolderModelName[] = "model";

absl::StatusOr<ResolvedModel> FindModel(const std::string& text, const Installation& installation) {
  ASSIGN_OR_RETURN(const ModelStore store, OpenStoreWithDemoModels(installation));
  ASSIGN_OR_RETURN(ResolvedModel model, store.Resolve(text));
  if (model.tag) RETURN_IF_ERROR(store.Verify(*model.tag));
  return model;
}

std::vector<std::string> RunnerCommand(const std::filesystem::path& program,
                                       const ResolvedModel& model, const std::string& address,
                                       const RunOptions& options) {
  std::vector<std::string> command = {program,
                                      "--model",
                                      model.directory,
                                      "--name",
                                      model.tag ? model.tag->name : kFolderModelName,
                                      "--version",
                                      model.tag ? model.tag->version : "",
                                      "--address",
                                      address,
                                      "--metrics_address",
                                      "",
                                      "--dtype",
                                      options.dtype,
                                      "--max_sequences",
                                      "1"};
  if (options.num_threads) {
    command.insert(command.end(), {"--threads", std::to_string(*options.num_threads)});
  }
  return command;
}

absl::Status ReadText(std::string& text) {
  if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
  if (const size_t offset = FindInvalidUtf8(text); offset != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("the text is not UTF-8, at byte ", offset));
  }
  return absl::OkStatus();
}

bool WriteToStdout(std::string_view text) {
  std::cout << text << std::flush;
  return static_cast<bool>(std::cout);
}

// Lets the conversation run on its own thread while this one watches for signals and for the
// runner's end.
class Interlocutor {
 public:
  Interlocutor(ChildProcess& runner, bool verbose) : runner_(runner), verbose_(verbose) {}

  absl::StatusOr<int> Converse(const std::string& address, const AnswerOptions& options) {
    ASSIGN_OR_RETURN(signal_fd_, SignalFd({SIGINT, SIGTERM, SIGHUP}));
    done_fd_ = ::eventfd(0, EFD_CLOEXEC);
    if (done_fd_ < 0) return absl::ErrnoToStatus(errno, "cannot watch for events");
    absl::Status answer;
    std::jthread conversation([&](std::stop_token stop) {
      RunnerSession session(address);
      answer = PrintAnswer(session, options, WriteToStdout, stop);
      ::eventfd_write(done_fd_, 1);
    });
    Watch();
    conversation.request_stop();
    conversation.join();
    ::close(signal_fd_);
    ::close(done_fd_);
    if (signal_ != 0) return 128 + signal_;
    if (runner_ended_ && !answer.ok()) return RunnerFailure();
    RETURN_IF_ERROR(answer);
    return 0;
  }

 private:
  // Returns when the answer is there, a signal came, or the runner ended.
  void Watch() {
    pollfd entries[] = {
        {done_fd_, POLLIN, 0}, {signal_fd_, POLLIN, 0}, {runner_.output_fd(), POLLIN, 0}};
    for (;;) {
      if (::poll(entries, std::size(entries), -1) < 0) continue;
      if (entries[2].revents != 0 && !ReadOutput()) {
        runner_ended_ = true;  // Nothing else holds the other end of its pipe.
        return;
      }
      if (entries[1].revents != 0) {
        signalfd_siginfo info;
        if (::read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
          signal_ = static_cast<int>(info.ssi_signo);
          return;
        }
      }
      if (entries[0].revents != 0) return;
    }
  }

  // False at the end.
  bool ReadOutput() {
    char buffer[16 << 10];
    const ssize_t n = ::read(runner_.output_fd(), buffer, sizeof(buffer));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    const std::string lines = n > 0 ? log_.Append({buffer, static_cast<size_t>(n)}) : log_.Finish();
    if (verbose_) std::cerr << lines << std::flush;
    return n > 0;
  }

  absl::Status RunnerFailure() {
    runner_.Signal(SIGTERM);  // In case it has only closed its output.
    const ChildExit exit = runner_.Wait();
    return absl::InternalError(
        absl::StrCat("the runner ", DescribeExit(exit),
                     log_.last_line().empty() ? "" : "; it last said: ", log_.last_line()));
  }

  ChildProcess& runner_;
  const bool verbose_;
  LinePrefixer log_{"[runner] "};
  int signal_fd_ = -1;
  int done_fd_ = -1;
  int signal_ = 0;
  bool runner_ended_ = false;
};

}  // namespace

absl::StatusOr<int> Run(RunOptions options) {
  RETURN_IF_ERROR(ReadText(options.answer.text));
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  ASSIGN_OR_RETURN(const std::filesystem::path program, installation.Program("runner_server"));
  ASSIGN_OR_RETURN(const ResolvedModel model, FindModel(options.model, installation));
  ASSIGN_OR_RETURN(const ScratchDirectory directory, CreateSocketDirectory());
  const std::string address = "unix:" + (directory.path() / "runner.sock").native();
  ASSIGN_OR_RETURN(ChildProcess runner,
                   ChildProcess::Start(RunnerCommand(program, model, address, options)));
  return Interlocutor(runner, options.verbose).Converse(address, options.answer);
}

}  // namespace chorus
