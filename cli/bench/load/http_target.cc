#include "cli/bench/load/http_target.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "base/socket_address.h"
#include "base/status_macros.h"
#include "cli/monotonic_clock.h"

namespace chorus::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr size_t kMaxReadBytes = 64 << 10;

// A body that is handed on as it comes.
struct PassedOnBody {
  using value_type = std::function<void(std::string_view bytes)>;

  class reader {
   public:
    template <bool kIsRequest, typename Fields>
    reader(http::header<kIsRequest, Fields>&, value_type& take) : take_(take) {}

    void init(const boost::optional<uint64_t>&, error_code& error) { error = {}; }

    template <typename Buffers>
    size_t put(const Buffers& buffers, error_code& error) {
      error = {};
      size_t size = 0;
      for (const asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
        take_({static_cast<const char*>(buffer.data()), buffer.size()});
        size += buffer.size();
      }
      return size;
    }

    void finish(error_code& error) { error = {}; }

   private:
    value_type& take_;
  };
};

}  // namespace

class HttpTarget::Connection {
 public:
  explicit Connection(HttpTarget& target)
      : target_(target), socket_(target.io_), reader_(target.dialect_), buffer_(kMaxReadBytes) {}

  void Start(const Call& call, absl::Duration due, Done done) {
    done_ = std::move(done);
    record_ = CallRecord{.due = due, .sent = MonotonicNow()};
    deadline_ = record_.sent + target_.timeout_;
    request_ = target_.dialect_.Request(call);
    reader_.Begin(record_);
    is_reused_ = socket_.is_open();
    if (is_reused_) return Write();
    Connect();
  }

  absl::Duration deadline() const { return deadline_; }

  // The call then ends with that outcome.
  void Abort(Outcome outcome) {
    if (aborted_) return;
    aborted_ = outcome;
    error_code ignored;
    socket_.close(ignored);
  }

  // Whether another call may follow.
  bool is_open() const { return socket_.is_open(); }

 private:
  void Connect() {
    asio::async_connect(socket_, target_.endpoints_,
                        [this](error_code error, const asio::ip::tcp::endpoint&) {
                          if (error || aborted_) return Fail(error);
                          error_code ignored;
                          socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
                          Write();
                        });
  }

  void Write() {
    asio::async_write(socket_, asio::buffer(request_), [this](error_code error, size_t) {
      if (error) return Fail(error);
      Read();
    });
  }

  void Read() {
    parser_.emplace();
    parser_->body_limit(boost::none);
    parser_->get().body() = [this](std::string_view bytes) {
      reader_.OnBody(static_cast<int>(parser_->get().result_int()), bytes, MonotonicNow());
    };
    http::async_read(socket_, buffer_, *parser_, [this](error_code error, size_t) {
      if (error) return Fail(error);
      reader_.OnEnd(static_cast<int>(parser_->get().result_int()));
      if (!parser_->get().keep_alive()) Close();
      Finish();
    });
  }

  void Fail(error_code error) {
    Close();
    const bool is_unread = !parser_ || !parser_->got_some();
    if (!aborted_ && std::exchange(is_reused_, false) && is_unread) {
      return Connect();  // The server had closed it meanwhile; it has not seen the call.
    }
    if (aborted_ == Outcome::kTimedOut) {
      record_.Fail(Outcome::kTimedOut, "no reply in time", "");
    } else if (aborted_) {
      record_.Fail(*aborted_, "unfinished", "");
    } else if (record_.status.empty()) {  // Else an error event has said why.
      record_.Fail(Outcome::kFailed, error.message(), "");
    }
    Finish();
  }

  void Close() {
    error_code ignored;
    socket_.close(ignored);
    buffer_.clear();
  }

  void Finish() {
    record_.end = MonotonicNow();
    parser_.reset();
    aborted_.reset();
    target_.OnDone(*this, std::move(done_), std::move(record_));
  }

  HttpTarget& target_;
  asio::ip::tcp::socket socket_;
  ReplyReader reader_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::response_parser<PassedOnBody>> parser_;
  std::string request_;
  Done done_;
  CallRecord record_;
  absl::Duration deadline_;
  bool is_reused_ = false;
  std::optional<Outcome> aborted_;
};

absl::StatusOr<std::unique_ptr<HttpTarget>> HttpTarget::Create(asio::io_context& io,
                                                               const Question& question,
                                                               const ServerUrl& url) {
  std::unique_ptr<HttpTarget> target(new HttpTarget(io, question, url));
  ASSIGN_OR_RETURN(const std::vector<SocketAddress> addresses,
                   SocketAddress::Resolve(url.host_port));
  for (const SocketAddress& address : addresses) {
    asio::ip::tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), address.data(), address.size());
    endpoint.resize(address.size());
    target->endpoints_.push_back(endpoint);
  }
  return target;
}

HttpTarget::HttpTarget(asio::io_context& io, const Question& question, const ServerUrl& url)
    : io_(io), dialect_(question, url), timeout_(question.timeout) {}

HttpTarget::~HttpTarget() = default;

void HttpTarget::Send(Call call, absl::Duration due, Done done) {
  if (idle_.empty()) idle_.push_back(std::make_unique<Connection>(*this));
  Connection& connection = *idle_.back();
  busy_.emplace(&connection, std::move(idle_.back()));
  idle_.pop_back();
  connection.Start(call, due, std::move(done));
}

void HttpTarget::OnDone(Connection& connection, Done done, CallRecord record) {
  auto node = busy_.extract(&connection);
  if (connection.is_open()) {
    idle_.push_back(std::move(node.mapped()));
  } else {
    // Its last handler is still running.
    asio::post(io_, [gone = std::move(node.mapped())] {});
  }
  std::move(done)(std::move(record));
}

void HttpTarget::Expire(absl::Duration now) {
  for (const auto& [_, connection] : busy_) {
    if (connection->deadline() < now) connection->Abort(Outcome::kTimedOut);
  }
}

void HttpTarget::Cancel() {
  for (const auto& [_, connection] : busy_) connection->Abort(Outcome::kUnfinished);
}

}  // namespace chorus::bench
