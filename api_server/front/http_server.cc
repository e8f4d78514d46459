#include "api_server/front/http_server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/front/http_session.h"
#include "base/socket_address.h"
#include "base/status_macros.h"
#include "glog/logging.h"

namespace chorus::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// Pause in accepting when the system is out of descriptors or memory.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

constexpr int kMaxTries = 16;  // For a port that is free at all addresses.

constexpr std::string_view kTooManyConnections =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

absl::Status ShutDownError() {
  return absl::UnavailableError("the server has shut down; retry at another one");
}

tcp::endpoint ToEndpoint(const SocketAddress& address) {
  tcp::endpoint endpoint;
  endpoint.resize(address.size());
  std::memcpy(endpoint.data(), address.data(), address.size());
  return endpoint;
}

absl::Status Listen(const SocketAddress& address, tcp::acceptor& acceptor) {
  const tcp::endpoint endpoint = ToEndpoint(address);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && address.is_ipv6()) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error ? address.ListenError(error.value()) : absl::OkStatus();
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const Options& options, HttpHandlers handlers, const FrontRules& rules)
      : limits_(options.limits),
        handlers_(handlers),
        rules_(rules),
        max_connections_(options.limits.max_connections) {
    for (int i = 0; i < options.num_io_threads; ++i) loops_.push_back(std::make_unique<Loop>());
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
    ASSIGN_OR_RETURN(const HostPort host_port, HostPort::Parse(address));
    absl::Status status;
    for (int i = 0; i < kMaxTries; ++i) {
      status = ListenAt(host_port);
      // The port that is free at the first address may be taken at another.
      if (host_port.port != 0 || !absl::IsAlreadyExists(status)) break;
    }
    return status;
  }

  void Start() {
    for (auto& loop : loops_) {
      loop->thread = std::thread([io = loop->io] { io->run(); });
    }
    asio::post(*loops_[0]->io, [this] {
      for (const auto& listener : listeners_) Accept(*listener);
    });
  }

  uint16_t port() const { return port_; }

  void SetMaxConnections(size_t max_connections) { max_connections_ = max_connections; }

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
  // For one of the listening addresses.
  struct Listener {
    explicit Listener(asio::io_context& io) : acceptor(io), timer(io) {}
    tcp::acceptor acceptor;
    asio::steady_timer timer;  // Ends a pause in accepting.
  };

  // An event loop and its thread, which alone uses all members but `thread` and `work`.
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
    // Copies the pointers, since closing a session may destroy it.
    std::vector<std::shared_ptr<HttpSession>> Alive() const {
      std::vector<std::shared_ptr<HttpSession>> alive;
      for (HttpSession* session : sessions) {
        if (auto held = session->weak_from_this().lock()) alive.push_back(std::move(held));
      }
      return alive;
    }
  };

  // Posts `task` to each loop's thread. No effect before Start.
  template <typename Task>
  void ForEachLoop(Task task) {
    for (auto& loop : loops_) {
      asio::post(*loop->io, [task, loop = loop.get()] { task(*loop); });
    }
  }

  // After this no connection is added to a loop except those posted already.
  void StopAccepting() {
    if (!loops_[0]->thread.joinable()) return;
    std::promise<void> stopped;
    asio::post(*loops_[0]->io, [this, &stopped] {
      for (const auto& listener : listeners_) {
        error_code error;
        listener->acceptor.close(error);
        listener->timer.cancel(error);
      }
      stopped.set_value();
    });
    stopped.get_future().wait();
  }

  absl::Status ListenAt(const HostPort& host_port) {
    listeners_.clear();
    ASSIGN_OR_RETURN(std::vector<SocketAddress> addresses,
                     SocketAddress::ResolveToListen(host_port));
    for (SocketAddress& address : addresses) {
      if (address.port() == 0 && !listeners_.empty()) address.set_port(port_);
      auto listener = std::make_unique<Listener>(*loops_[0]->io);
      RETURN_IF_ERROR(gateway::Listen(address, listener->acceptor));
      port_ = listener->acceptor.local_endpoint().port();
      listeners_.push_back(std::move(listener));
    }
    return absl::OkStatus();
  }

  void Accept(Listener& listener) {
    if (!listener.acceptor.is_open()) return;
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    listener.acceptor.async_accept(
        *loop.io, [this, &listener, &loop](error_code error, tcp::socket socket) {
          if (error == asio::error::operation_aborted || !listener.acceptor.is_open()) return;
          if (error) return PauseAccepting(listener, error);
          Admit(loop, std::move(socket));
          Accept(listener);
        });
  }

  void PauseAccepting(Listener& listener, error_code error) {
    LOG_EVERY_T(WARNING, 10) << "cannot accept HTTP connections for now: " << error.message();
    listener.timer.expires_after(kAcceptPause);
    listener.timer.async_wait([this, &listener](error_code cancelled) {
      if (!cancelled) Accept(listener);
    });
  }

  void Admit(Loop& loop, tcp::socket socket) {
    {
      std::lock_guard lock(mutex_);
      if (num_sessions_ >= max_connections_) return Refuse(std::move(socket));
      ++num_sessions_;
    }
    asio::post(*loop.io, [this, &loop, socket = std::move(socket)]() mutable {
      auto session = std::make_shared<HttpSession>(
          loop.io, std::move(socket), limits_, draining_, handlers_, rules_,
          [this, &loop](HttpSession* ended) { Remove(loop, ended); });
      loop.sessions.insert(session.get());
      session->Start();
      if (draining_) session->CloseIfIdle();
    });
  }

  void Refuse(tcp::socket socket) {
    rules_.metrics.CountRejected(Rejection::kConnections);
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
  const HttpHandlers handlers_;
  const FrontRules rules_;
  std::atomic<size_t> max_connections_;
  std::atomic<bool> draining_ = false;
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<Loop>> loops_;
  // Used by the first loop's thread.
  std::vector<std::unique_ptr<Listener>> listeners_;
  size_t next_loop_ = 0;

  std::mutex mutex_;
  std::condition_variable no_sessions_;
  size_t num_sessions_ = 0;  // Guarded by mutex_.
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(const Options& options,
                                                               HttpHandlers handlers,
                                                               const FrontRules& rules) {
  if (options.num_io_threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_io_threads must be at least 1: ", options.num_io_threads));
  }
  auto impl = std::make_unique<Impl>(options, handlers, rules);
  RETURN_IF_ERROR(impl->Listen(options.address));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
void HttpServer::Start() { impl_->Start(); }
uint16_t HttpServer::port() const { return impl_->port(); }
void HttpServer::SetMaxConnections(size_t max_connections) {
  impl_->SetMaxConnections(max_connections);
}
absl::Status HttpServer::Drain(absl::Time deadline) { return impl_->Drain(deadline); }

}  // namespace chorus::gateway
