#include "cli/bench/load/http_target.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/socket_address.h"
#include "base/status_macros.h"
#include "cli/bench/load/http_reply.h"
#include "cli/monotonic_clock.h"

namespace chorus::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr size_t kMaxReadBytes = 64 << 10;

// That every server must show a certificate of whom `ca_file` or the system trusts.
absl::StatusOr<std::unique_ptr<asio::ssl::context>> MakeTls(const std::string& ca_file) {
  auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  tls->set_verify_mode(asio::ssl::verify_peer);
  error_code error;
  if (ca_file.empty()) {
    tls->set_default_verify_paths(error);
  } else {
    tls->load_verify_file(ca_file, error);
  }
  if (!error) return tls;
  return absl::InvalidArgumentError(absl::StrCat("cannot read certificates (PEM) from ",
                                                 ca_file.empty() ? "the system" : ca_file, ": ",
                                                 error.message()));
}

// Before a handshake: that the certificate must be that of `host`, and tells it by SNI.
bool ExpectHost(const HostPort& server, SSL* ssl) {
  const char* const host = server.host.c_str();
  if (server.has_address()) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
  return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

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
                          if (target_.tls_ == nullptr) return Write();
                          Handshake();
                        });
  }

  void Handshake() {
    tls_.emplace(socket_, *target_.tls_);
    if (!ExpectHost(target_.server_, tls_->native_handle())) {
      return Fail(asio::error::invalid_argument);
    }
    tls_->async_handshake(asio::ssl::stream_base::client, [this](error_code error) {
      if (error || aborted_) return Fail(error);
      Write();
    });
  }

  // Calls `use` with the stream that the call's bytes take.
  template <typename Use>
  void WithStream(Use use) {
    if (tls_) {
      use(*tls_);
    } else {
      use(socket_);
    }
  }

  void Write() {
    WithStream([this](auto& stream) {
      asio::async_write(stream, asio::buffer(request_), [this](error_code error, size_t) {
        if (error) return Fail(error);
        Read();
      });
    });
  }

  void Read() {
    reply_.emplace(
        [this](int code, std::string_view bytes) { reader_.OnBody(code, bytes, MonotonicNow()); });
    WithStream([this](auto& stream) {
      http::async_read(stream, buffer_, *reply_, [this](error_code error, size_t) {
        if (error) return Fail(error);
        reader_.OnEnd(reply_->code());
        if (!reply_->keep_alive()) Close();
        Finish();
      });
    });
  }

  void Fail(error_code error) {
    Close();
    const bool is_unread = !reply_ || !reply_->got_some();
    if (!aborted_ && std::exchange(is_reused_, false) && is_unread) {
      return Connect();  // The server had closed it meanwhile; it has not seen the call.
    }
    if (aborted_ == Outcome::kTimedOut) {
      record_.Fail(Outcome::kTimedOut, "no reply in time", "");
    } else if (aborted_) {
      record_.Fail(*aborted_, "unfinished", "");
    } else if (const long why = CertificateError(); why != X509_V_OK) {
      record_.Fail(Outcome::kFailed, "certificate refused", X509_verify_cert_error_string(why));
    } else if (record_.status.empty()) {  // Else an error event has said why.
      record_.Fail(Outcome::kFailed, error.message(), "");
    }
    Finish();
  }

  long CertificateError() {
    return tls_ ? SSL_get_verify_result(tls_->native_handle()) : X509_V_OK;
  }

  void Close() {
    error_code ignored;
    socket_.close(ignored);
    buffer_.clear();
  }

  void Finish() {
    record_.end = MonotonicNow();
    reply_.reset();
    aborted_.reset();
    target_.OnDone(*this, std::move(done_), std::move(record_));
  }

  HttpTarget& target_;
  asio::ip::tcp::socket socket_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;  // Over it; unset without TLS.
  ReplyReader reader_;
  boost::beast::flat_buffer buffer_;
  std::optional<HttpReply> reply_;
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
  if (url.is_tls) {
    ASSIGN_OR_RETURN(target->tls_, MakeTls(question.ca_file));
  }
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
    : io_(io), dialect_(question, url), timeout_(question.timeout), server_(url.host_port) {}

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
