#include "api_server/protocols/fan_out.h"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace chorus::gateway {
namespace {

class Fan : public std::enable_shared_from_this<Fan> {
 public:
  Fan(int num_calls, int most_at_once, const std::stop_token& stop, BeginCall begin, CallDone done)
      : num_calls_(num_calls),
        most_at_once_(most_at_once),
        begin_(std::move(begin)),
        done_(std::move(done)),
        link_(stop, [source = source_]() mutable { source.request_stop(); }) {}

  // Begins what may begin.
  void Advance() {
    while (const std::optional<int> index = TakeNext()) {
      absl::Status status =
          begin_(*index, source_.get_token(),
                 [self = shared_from_this()](absl::Status end) { self->OnEnd(std::move(end)); });
      if (!status.ok()) return OnEnd(std::move(status));
    }
  }

 private:
  std::optional<int> TakeNext() {
    const std::lock_guard lock(mutex_);
    if (!error_.ok() || next_ == num_calls_ || num_running_ == most_at_once_) return std::nullopt;
    ++num_running_;
    return next_++;
  }

  void OnEnd(absl::Status status) {
    bool is_first_error = false, is_last = false;
    {
      const std::lock_guard lock(mutex_);
      --num_running_;
      is_first_error = error_.ok() && !status.ok();
      if (is_first_error) error_ = std::move(status);
      is_last = num_running_ == 0 && (!error_.ok() || next_ == num_calls_);
    }
    if (is_first_error) source_.request_stop();
    if (is_last) return std::move(done_)(error_);
    Advance();
  }

  const int num_calls_, most_at_once_;
  const BeginCall begin_;
  CallDone done_;
  std::stop_source source_;
  std::mutex mutex_;  // Guards the next three.
  int next_ = 0;
  int num_running_ = 0;
  absl::Status error_;
  std::stop_callback<absl::AnyInvocable<void()>> link_;  // Last: it may run at once.
};

}  // namespace

void FanOut(int num_calls, int most_at_once, const std::stop_token& stop, BeginCall begin,
            CallDone done) {
  std::make_shared<Fan>(num_calls, most_at_once, stop, std::move(begin), std::move(done))
      ->Advance();
}

}  // namespace chorus::gateway
