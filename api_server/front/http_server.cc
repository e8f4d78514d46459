#include "api_server/front/http_server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/front/http_session.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "glog/logging.h"

namespace chorus {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// How long to leave off accepting when the system has no descriptor or memory left.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

constexpr std::string_view kTooManyConnections =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

absl::Status ShutDownError() {
  return absl::UnavailableError("the server has shut down; retry at another one");
}

// "host:port" or "[host]:port" as an endpoint.
absl::StatusOr<tcp::endpoint> Resolve(asio::io_context& io, const std::string& address) {
  const size_t colon = address.rfind(':');
  const bool is_whole = colon != std::string::npos && colon > 0 && colon + 1 < address.size();
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  error_code error;
  tcp::resolver resolver(io);
  if (is_whole) {
    const auto found =
        resolver.resolve(host, address.substr(colon + 1), tcp::resolver::passive, error);
    if (!error && !found.empty()) return found.begin()->endpoint();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the HTTP address must be host:port, such as 0.0.0.0:3000: ", address));
}

absl::Status Listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint,
                    const std::string& address) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot listen on ", address, ": ", error.message()));
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const Options& options, HttpHandler& handler, RequestMetrics& metrics)
      : limits_(options.limits), handler_(handler), metrics_(metrics) {
    for (int i = 0; i < options.num_io_threads; ++i) loops_.push_back(std::make_unique<Loop>());
    acceptor_.emplace(*loops_[0]->io);
    accept_timer_.emplace(*loops_[0]->io);
  }

  ~Impl() {
    StopAccepting();
    ForEachLoop([](Loop& loop) { loop.AbortAll(); });
    for (auto& loop : loops_) loop->work.reset();
    for (auto& loop : loops_) {
      if (loop->thread.joinable()) loop->thread.join();
    }
  }

  absl::Status Listen(const std::string& address) {
    ASSIGN_OR_RETURN(const tcp::endpoint endpoint, Resolve(*loops_[0]->io, address));
    RETURN_IF_ERROR(chorus::Listen(*acceptor_, endpoint, address));
    port_ = acceptor_->local_endpoint().port();
    return absl::OkStatus();
  }

  void Start() {
    for (auto& loop : loops_) {
      loop->thread = std::thread([io = loop->io] { io->run(); });
    }
    asio::post(*loops_[0]->io, [this] { Accept(); });
  }

  uint16_t port() const { return port_; }

  absl::Status Drain(absl::Time deadline) {
    draining_ = true;
    StopAccepting();
    ForEachLoop([](Loop& loop) { loop.CloseIdle(); });
    std::unique_lock lock(mutex_);
    const auto none_left = [this] { return num_sessions_ == 0; };
    const absl::Duration timeout = std::min(deadline - absl::Now(), absl::Hours(24));
    if (no_sessions_.wait_for(lock, absl::ToChronoNanoseconds(timeout), none_left)) {
      return absl::OkStatus();
    }
    const size_t num_cut = num_sessions_;
    lock.unlock();
    ForEachLoop([](Loop& loop) { loop.CutAll(); });
    lock.lock();
    if (!no_sessions_.wait_for(lock, absl::ToChronoNanoseconds(limits_.linger_timeout),
                               none_left)) {
      lock.unlock();
      ForEachLoop([](Loop& loop) { loop.AbortAll(); });
      lock.lock();
    }
    no_sessions_.wait(lock, none_left);
    return absl::DeadlineExceededError(
        absl::StrCat("HTTP connections that were cut while draining: ", num_cut));
  }

 private:
  // An event loop with its thread. All but `thread` and `work` is used by that thread alone.
  struct Loop {
    std::shared_ptr<asio::io_context> io = std::make_shared<asio::io_context>(1);
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(*io);
    std::unordered_set<HttpSession*> sessions;
    std::thread thread;

    void CloseIdle() {
      for (const auto& session : Alive()) session->CloseIfIdle();
    }
    void CutAll() {
      for (const auto& session : Alive()) session->Cut(ShutDownError());
    }
    void AbortAll() {
      for (const auto& session : Alive()) session->Abort(ShutDownError());
    }
    // Holds them, for closing one may end it.
    std::vector<std::shared_ptr<HttpSession>> Alive() const {
      std::vector<std::shared_ptr<HttpSession>> alive;
      for (HttpSession* session : sessions) {
        if (auto held = session->weak_from_this().lock()) alive.push_back(std::move(held));
      }
      return alive;
    }
  };

  // Runs `task` on each loop's thread, without waiting. Nothing when never started.
  template <typename Task>
  void ForEachLoop(Task task) {
    for (auto& loop : loops_) {
      asio::post(*loop->io, [task, loop = loop.get()] { task(*loop); });
    }
  }

  // Once this has returned no connection will be added to any loop but those posted already.
  void StopAccepting() {
    if (!loops_[0]->thread.joinable()) return;
    std::promise<void> stopped;
    asio::post(*loops_[0]->io, [this, &stopped] {
      error_code error;
      acceptor_->close(error);
      accept_timer_->cancel(error);
      stopped.set_value();
    });
    stopped.get_future().wait();
  }

  void Accept() {
    if (!acceptor_->is_open()) return;
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    acceptor_->async_accept(*loop.io, [this, &loop](error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || !acceptor_->is_open()) return;
      if (error) return PauseAccepting(error);
      Admit(loop, std::move(socket));
      Accept();
    });
  }

  void PauseAccepting(error_code error) {
    LOG_EVERY_T(WARNING, 10) << "cannot accept HTTP connections for now: " << error.message();
    accept_timer_->expires_after(kAcceptPause);
    accept_timer_->async_wait([this](error_code cancelled) {
      if (!cancelled) Accept();
    });
  }

  void Admit(Loop& loop, tcp::socket socket) {
    {
      std::lock_guard lock(mutex_);
      if (num_sessions_ >= limits_.max_connections) return Refuse(std::move(socket));
      ++num_sessions_;
    }
    asio::post(*loop.io, [this, &loop, socket = std::move(socket)]() mutable {
      auto session = std::make_shared<HttpSession>(
          loop.io, std::move(socket), limits_, draining_, handler_, metrics_,
          [this, &loop](HttpSession* ended) { Remove(loop, ended); });
      loop.sessions.insert(session.get());
      session->Start();
      if (draining_) session->CloseIfIdle();
    });
  }

  void Refuse(tcp::socket socket) {
    metrics_.CountRejected(Rejection::kConnections);
    error_code error;
    socket.non_blocking(true, error);
    socket.write_some(asio::buffer(kTooManyConnections), error);
  }

  void Remove(Loop& loop, HttpSession* session) {
    loop.sessions.erase(session);
    std::lock_guard lock(mutex_);
    if (--num_sessions_ == 0) no_sessions_.notify_all();
  }

  const HttpLimits limits_;
  HttpHandler& handler_;
  RequestMetrics& metrics_;
  std::atomic<bool> draining_ = false;
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<Loop>> loops_;
  // Used by the first loop's thread.
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> accept_timer_;
  size_t next_loop_ = 0;

  std::mutex mutex_;
  std::condition_variable no_sessions_;
  size_t num_sessions_ = 0;  // Guarded by mutex_.
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(const Options& options,
                                                               HttpHandler& handler,
                                                               RequestMetrics& metrics) {
  if (options.num_io_threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_io_threads must be at least 1: ", options.num_io_threads));
  }
  auto impl = std::make_unique<Impl>(options, handler, metrics);
  RETURN_IF_ERROR(impl->Listen(options.address));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
void HttpServer::Start() { impl_->Start(); }
uint16_t HttpServer::port() const { return impl_->port(); }
absl::Status HttpServer::Drain(absl::Time deadline) { return impl_->Drain(deadline); }

}  // namespace chorus
