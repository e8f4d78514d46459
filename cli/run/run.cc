#include "cli/run/run.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "cli/demo_store.h"
#include "cli/installation.h"
#include "cli/run/runner_session.h"
#include "cli/serve/child_process.h"
#include "cli/serve/line_prefixer.h"
#include "cli/serve/socket_directory.h"
#include "cli/serve/supervision_plan.h"
#include "runner_server/model/generation_config.h"

namespace chorus {
namespace {

constexpr char kFolderModelName[] = "model";
constexpr char kPrompt[] = "> ";
constexpr char kSampleText[] = "Hello, world!";
constexpr uint32_t kSampleTokens = 8;

using Write = std::function<bool(std::string_view)>;

absl::StatusOr<store::ResolvedModel> FindModel(const std::string& text,
                                               const Installation& installation) {
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStoreWithDemoModels(installation));
  ASSIGN_OR_RETURN(store::ResolvedModel model, ResolveModel(store, text));
  if (model.tag) RETURN_IF_ERROR(store.Verify(*model.tag));
  return model;
}

std::vector<std::string> RunnerCommand(const std::filesystem::path& program,
                                       const store::ResolvedModel& model,
                                       const std::string& address, const RunOptions& options) {
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
  const std::string& native_code = model.tag ? model.native_code : options.native_code;
  if (!native_code.empty()) command.insert(command.end(), {"--native_code", native_code});
  if (options.untrained_head) {
    command.insert(command.end(), {"--untrained_head", std::to_string(*options.untrained_head)});
  }
  return command;
}

absl::Status CheckUtf8(const std::string& text) {
  const size_t offset = FindInvalidUtf8(text);
  if (offset == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the text is not UTF-8, at byte ", offset));
}

// All there is, but for the end of its last line: `echo text |` adds that.
std::string ReadStandardInput() {
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

bool WriteToStdout(std::string_view text) {
  std::cout << text << std::flush;
  return static_cast<bool>(std::cout);
}

// Asks the runner, on a thread for each text, while this one watches for signals and for the
// runner's end.
class Interlocutor {
 public:
  static absl::StatusOr<std::unique_ptr<Interlocutor>> Create(ChildProcess& runner,
                                                              const std::string& address,
                                                              const RunOptions& options,
                                                              Write write) {
    std::unique_ptr<Interlocutor> made(new Interlocutor(runner, options, std::move(write)));
    ASSIGN_OR_RETURN(made->signal_fd_, SignalFd({SIGINT, SIGTERM, SIGHUP}));
    made->done_fd_ = ::eventfd(0, EFD_CLOEXEC);
    if (made->done_fd_ < 0) return absl::ErrnoToStatus(errno, "cannot watch for events");
    made->session_.emplace(address);  // Whose threads inherit the signal mask.
    return made;
  }
  ~Interlocutor() {
    if (signal_fd_ >= 0) ::close(signal_fd_);
    if (done_fd_ >= 0) ::close(done_fd_);
  }

  // 0, or 128 + the signal that came meanwhile.
  absl::StatusOr<int> Ask(const std::string& text) {
    absl::Status answer;
    std::jthread conversation([&](std::stop_token stop) {
      answer = PrintAnswer(*session_, text, options_.answer, write_, stop);
      ::eventfd_write(done_fd_, 1);
    });
    const Event event = Wait(done_fd_);
    conversation.request_stop();
    conversation.join();
    eventfd_t ignored;
    ::eventfd_read(done_fd_, &ignored);
    if (event == Event::kSignal) return 128 + signal_;
    if (event == Event::kRunnerEnded && !answer.ok()) return RunnerFailure();
    RETURN_IF_ERROR(answer);
    return 0;
  }

  // Asks for each line of the terminal.
  absl::StatusOr<int> Converse() {
    std::string typed;
    std::cerr << kPrompt << std::flush;
    for (;;) {
      const Event event = Wait(STDIN_FILENO);
      if (event == Event::kRunnerEnded) return RunnerFailure();
      char buffer[4096];
      const ssize_t n = event == Event::kSignal ? 0 : ::read(STDIN_FILENO, buffer, sizeof(buffer));
      if (n <= 0) {  // A signal, or the end.
        std::cerr << std::endl;
        return event == Event::kSignal ? 128 + signal_ : 0;
      }
      typed.append(buffer, static_cast<size_t>(n));
      for (size_t end; (end = typed.find('\n')) != std::string::npos; typed.erase(0, end + 1)) {
        const absl::StatusOr<int> result = AskLine(typed.substr(0, end));
        if (runner_ended_ && result.ok()) return RunnerFailure();
        if (runner_ended_ || !std::cout) return result;
        if (result.ok() && *result != 0 && signal_ != SIGINT) return result;
        if (!result.ok()) {
          std::cerr << "chorus: " << Printable(StdView(result.status().message())) << std::endl;
        }
        std::cerr << kPrompt << std::flush;
      }
    }
  }

 private:
  enum class Event { kReadable, kSignal, kRunnerEnded };

  Interlocutor(ChildProcess& runner, const RunOptions& options, Write write)
      : runner_(runner), options_(options), write_(std::move(write)) {}

  absl::StatusOr<int> AskLine(const std::string& line) {
    RETURN_IF_ERROR(CheckUtf8(line));
    return line.empty() ? absl::StatusOr<int>(0) : Ask(line);
  }

  // Until `fd` can be read, a signal comes, or the runner ends.
  Event Wait(int fd) {
    pollfd entries[] = {{fd, POLLIN, 0}, {signal_fd_, POLLIN, 0}, {runner_.output_fd(), POLLIN, 0}};
    for (;;) {
      if (::poll(entries, std::size(entries), -1) < 0) continue;
      if (entries[2].revents != 0 && !ReadOutput()) {
        runner_ended_ = true;  // Nothing else holds the other end of its pipe.
        return Event::kRunnerEnded;
      }
      if (entries[1].revents != 0) {
        signal_ = NextSignal(signal_fd_);
        return Event::kSignal;
      }
      if (entries[0].revents != 0) return Event::kReadable;
    }
  }

  // False at the end.
  bool ReadOutput() {
    char buffer[16 << 10];
    const ssize_t n = ::read(runner_.output_fd(), buffer, sizeof(buffer));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    const std::string lines = n > 0 ? log_.Append({buffer, static_cast<size_t>(n)}) : log_.Finish();
    if (options_.verbose) std::cerr << lines << std::flush;
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
  const RunOptions& options_;
  const Write write_;
  std::optional<RunnerSession> session_;
  LinePrefixer log_{"[runner] "};
  int signal_fd_ = -1;
  int done_fd_ = -1;
  int signal_ = 0;
  bool runner_ended_ = false;
};

// Starts a runner for the model, and asks it.
absl::StatusOr<int> RunModel(const Installation& installation, const store::ResolvedModel& model,
                             const RunOptions& options, const std::optional<std::string>& text,
                             Write write) {
  ASSIGN_OR_RETURN(const std::filesystem::path program, installation.Program("runner_server"));
  ASSIGN_OR_RETURN(const store::ScratchDirectory directory, CreateSocketDirectory());
  const std::string address = "unix:" + (directory.path() / "runner.sock").native();
  ASSIGN_OR_RETURN(ChildProcess runner,
                   ChildProcess::Start(RunnerCommand(program, model, address, options)));
  ASSIGN_OR_RETURN(const std::unique_ptr<Interlocutor> interlocutor,
                   Interlocutor::Create(runner, address, options, std::move(write)));
  return text ? interlocutor->Ask(*text) : interlocutor->Converse();
}

}  // namespace

absl::StatusOr<int> Run(const RunOptions& options) {
  std::optional<std::string> text = options.text;
  if (text == "-") text = ReadStandardInput();
  if (text) RETURN_IF_ERROR(CheckUtf8(*text));
  if (options.answer.text_pair) RETURN_IF_ERROR(CheckUtf8(*options.answer.text_pair));
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  ASSIGN_OR_RETURN(const store::ResolvedModel model, FindModel(options.model, installation));
  const std::string warning = runner::GenerationWarning(model.directory);
  if (!warning.empty()) std::cerr << "chorus: " << warning << std::endl;
  return RunModel(installation, model, options, text, WriteToStdout);
}

absl::StatusOr<int> SampleRun(const std::filesystem::path& directory, const std::string& task,
                              const std::string& native_code) {
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  RunOptions options{.native_code = native_code};
  if (task == "generate") options.answer.params.set_max_new_tokens(kSampleTokens);
  return RunModel(installation, {directory, std::nullopt, "", ""}, options, kSampleText,
                  [](std::string_view) { return true; });
}

}  // namespace chorus
