#include "api_server/front/http_session.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/front/reply_head.h"
#include "api_server/transcoding/http_status.h"
#include "base/string_view.h"

// One state machine over one socket, one timer and one exchange, so it is not split.

namespace chorus::gateway {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr size_t kReadBytes = 16 << 10;
// Browsers may lose an error event that arrives together with the end of the connection (decision
// 10).
constexpr absl::Duration kErrorEventLead = absl::Milliseconds(20);
constexpr std::string_view kProtocol = "http";

HeadLimits ToHeadLimits(const HttpLimits& limits) {
  return {.max_bytes = limits.max_head_bytes,
          .max_fields = limits.max_fields,
          .max_target_bytes = limits.max_target_bytes};
}

absl::Status CheckCoding(std::string_view coding) {
  if (coding.empty() || absl::EqualsIgnoreCase(AbslView(coding), "identity")) {
    return absl::OkStatus();
  }
  return HttpError(415, absl::StrCat("Content-Encoding is not supported; send the body as it is: ",
                                     AbslView(coding)));
}

}  // namespace

HttpSession::HttpSession(std::shared_ptr<asio::io_context> io, Socket socket,
                         const HttpLimits& limits, const std::atomic<bool>& draining,
                         HttpHandlers handlers, const FrontRules& rules,
                         std::function<void(HttpSession*)> on_destroyed)
    : io_(std::move(io)),
      socket_(std::move(socket)),
      timer_(*io_),
      limits_(limits),
      draining_(draining),
      handlers_(handlers),
      rules_(rules),
      on_destroyed_(std::move(on_destroyed)),
      scanner_(ToHeadLimits(limits)) {}

HttpSession::~HttpSession() { on_destroyed_(this); }

void HttpSession::Start() {
  error_code error;
  socket_.non_blocking(true, error);
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  Arm(limits_.head_timeout);
  Read();
}

void HttpSession::CloseIfIdle() {
  if (state_ == State::kHead && received_.empty()) Close();
}

void HttpSession::Cut(const absl::Status& why) {
  switch (state_) {
    case State::kHead:
      if (received_.empty()) return Close();
      return SendErrorAndClose(why);
    case State::kContinue:
      exchange_.route.refusal = why;  // Sent after the current write.
      return;
    case State::kBody:
      return SendErrorAndClose(why);
    case State::kHandling:
      exchange_.active->Stop();
      return SendErrorAndClose(why);
    case State::kStreaming:
      if (streaming_->head_sent) return Abort(why);
      exchange_.active->Stop();
      return FailStream(why);
    case State::kStreamWriting:
      return Abort(why);
    default:
      return;
  }
}

void HttpSession::Abort(const absl::Status& why) {
  if (state_ == State::kContinue || state_ == State::kBody || state_ == State::kHandling ||
      streaming_.has_value()) {
    exchange_.active->Finish(kClientClosedRequest,
                             streaming_.has_value() ? streaming_->num_bytes : 0);
  }
  if (state_ == State::kStreaming && streaming_->head_sent) {
    error_code error;
    socket_.write_some(asio::buffer(FrameStream(streaming_->reply.stream->ErrorEvent(why))), error);
  }
  streaming_.reset();
  if (exchange_.active != nullptr) exchange_.active->Stop();
  Close();
}

void HttpSession::Read() {
  if (reading_) return;
  reading_ = true;
  // Waits without a buffer, so that idle connections hold none.
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code error) {
    self->reading_ = false;
    self->OnReadable(error);
  });
}

void HttpSession::OnReadable(error_code error) {
  if (state_ == State::kClosed) return;
  if (!error) {
    std::array<char, kReadBytes> bytes;
    const size_t num_bytes = socket_.read_some(asio::buffer(bytes), error);
    received_.append(bytes.data(), num_bytes);
  }
  if (error == asio::error::would_block) return Read();
  if (error == asio::error::eof && (state_ == State::kHandling || state_ == State::kStreaming)) {
    return OnHalfClosed();
  }
  if (error) return OnClientGone();
  Advance();
}

void HttpSession::OnHalfClosed() {
  const absl::Status why = absl::CancelledError(
      "the client ended its side of the connection before the reply was whole, "
      "which counts as leaving: keep it open until then");
  exchange_.active->Stop();
  close_after_ = true;
  return streaming_.has_value() ? FailStream(why) : SendError(why);
}

void HttpSession::OnClientGone() {
  if (state_ == State::kStreamFailed) return Close();
  const bool is_last_write =
      state_ == State::kWriting || (state_ == State::kStreamWriting && streaming_->end.has_value());
  if (is_last_write) {
    close_after_ = true;  // The client may still read; the write will tell.
    return;
  }
  Abort(absl::CancelledError("the client has left"));
}

void HttpSession::Arm(absl::Duration timeout) {
  timer_.expires_after(absl::ToChronoNanoseconds(timeout));
  timer_.async_wait([self = shared_from_this(), number = ++timer_number_](error_code error) {
    if (!error && number == self->timer_number_ && self->state_ != State::kClosed) {
      self->OnTimeout();
    }
  });
}

void HttpSession::OnTimeout() {
  switch (state_) {
    case State::kHead:
      if (received_.empty()) return Close();
      return SendErrorAndClose(HttpError(408, "the request's head did not arrive in time"));
    case State::kBody:
      if (!awaiting_deadline_) {
        return SendErrorAndClose(HttpError(408, "the request's body did not arrive in time"));
      }
      rules_.metrics.CountRejected(Rejection::kDeadline);
      return SendErrorAndClose(
          absl::DeadlineExceededError("the call's deadline came before all of its body"));
    case State::kHandling:
      exchange_.active->Stop();
      return SendError(
          absl::DeadlineExceededError("the reply was not ready at the call's deadline"));
    case State::kStreaming:
      if (absl::Now() < exchange_.active->call().deadline) {
        return WriteStream(streaming_->reply.stream->Heartbeat());
      }
      exchange_.active->Stop();
      return FailStream(
          absl::DeadlineExceededError("the stream had not ended at the call's deadline"));
    case State::kStreamWriting:
      return Abort(absl::CancelledError("the client does not take what is sent"));
    case State::kStreamFailed:
      return Linger();
    default:
      return Close();
  }
}

void HttpSession::Advance() {
  while ((state_ == State::kHead && AdvanceHead()) || (state_ == State::kBody && AdvanceBody())) {
  }
  if (state_ == State::kLingering) received_.clear();
  const bool wants_more = state_ == State::kHead || state_ == State::kBody ||
                          state_ == State::kLingering ||
                          ((state_ == State::kHandling || state_ == State::kStreaming ||
                            state_ == State::kStreamWriting) &&
                           received_.size() < limits_.max_head_bytes);
  if (wants_more) Read();
}

bool HttpSession::AdvanceHead() {
  if (received_.empty()) return false;
  const bool is_first = !scanner_.started();
  const absl::StatusOr<size_t> num_bytes = scanner_.Scan(received_);
  if (!num_bytes.ok()) {
    SendErrorAndClose(num_bytes.status());
    return true;
  }
  if (*num_bytes == 0) {
    if (is_first) Arm(limits_.head_timeout);
    return false;
  }
  absl::StatusOr<RequestHead> head =
      ParseRequestHead(std::string_view(received_).substr(0, *num_bytes), ToHeadLimits(limits_));
  received_.erase(0, *num_bytes);
  BeginExchange(std::move(head));
  return true;
}

bool HttpSession::AdvanceBody() {
  const absl::StatusOr<size_t> num_taken = exchange_.body->Put(received_);
  if (!num_taken.ok()) {
    SendErrorAndClose(num_taken.status());
    return true;
  }
  received_.erase(0, *num_taken);
  if (!exchange_.body->done()) {
    const absl::Duration left = exchange_.active->call().deadline - absl::Now();
    awaiting_deadline_ = left <= limits_.body_idle_timeout;
    Arm(awaiting_deadline_ ? left : limits_.body_idle_timeout);
    return false;
  }
  Handle();
  return true;
}

void HttpSession::BeginExchange(absl::StatusOr<RequestHead> head) {
  if (!head.ok()) return SendErrorAndClose(head.status());
  exchange_.head = *std::move(head);
  const HttpRequest& request = exchange_.head.request;
  exchange_.route = FindRoute(handlers_, request);
  const absl::StatusOr<absl::Time> deadline = TakeDeadline(request, absl::Now());
  exchange_.active = std::make_unique<ActiveRequest>(
      rules_, exchange_.route.endpoint, exchange_.route.is_call && !IsPreflight(request),
      ActiveRequest::Origin{.protocol = kProtocol,
                            .method = request.method,
                            .request_id = request.ValueOf("X-Request-Id"),
                            .traceparent = request.ValueOf("traceparent"),
                            .authorization = request.ValueOf("Authorization"),
                            .deadline = deadline.value_or(absl::InfiniteFuture())});
  absl::Status& refusal = exchange_.route.refusal;
  exchange_.cors_fields = CorsFields(request, rules_.origins);
  if (exchange_.route.is_call) {  // Those who probe use any Host.
    const absl::Status origin = CheckOrigin(request, rules_.origins);
    if (!origin.ok()) refusal = origin;
  }
  if (!exchange_.active->refusal().ok()) refusal = exchange_.active->refusal();
  if (refusal.ok()) refusal = deadline.status();
  if (refusal.ok()) refusal = CheckCoding(request.ValueOf("Content-Encoding"));
  absl::StatusOr<RequestBody> body = RequestBody::Create(exchange_.head, limits_.max_body_bytes);
  if (!body.ok()) return SendErrorAndClose(body.status());
  exchange_.body = *std::move(body);
  const bool client_waits = exchange_.head.expects_continue && exchange_.head.has_body();
  // The client may send a refused request's body nevertheless.
  if (client_waits && !refusal.ok()) return SendErrorAndClose(refusal);
  if (client_waits && received_.empty()) return SendContinue();
  state_ = State::kBody;
}

void HttpSession::SendContinue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  state_ = State::kContinue;
  Arm(rules_.write_timeout);
  asio::async_write(socket_, asio::buffer(kContinue),
                    [self = shared_from_this()](error_code error, size_t) {
                      if (self->state_ != State::kContinue) return;
                      if (error) return self->OnClientGone();
                      const absl::Status& refusal = self->exchange_.route.refusal;
                      if (!refusal.ok()) return self->SendErrorAndClose(refusal);
                      self->state_ = State::kBody;
                      self->Advance();
                    });
}

void HttpSession::Handle() {
  if (!exchange_.route.refusal.ok()) return SendError(exchange_.route.refusal);
  state_ = State::kHandling;
  const Call& call = exchange_.active->call();
  exchange_.head.request.body = exchange_.body->Take();
  Arm(call.deadline - absl::Now());
  // The completion does not own the session, so that a client that left is forgotten at once. It
  // owns the event loop, which may have stopped.
  auto done = [io = io_, weak = weak_from_this(), number = exchange_number_,
               notes = call.notes](HttpReply reply) {
    notes->ForEachField([&](const char* name, const std::string& value) {
      reply.fields.push_back({name, value});
    });
    asio::post(*io, [weak, number, reply = std::move(reply)]() mutable {
      if (const auto self = weak.lock()) self->OnReply(number, std::move(reply));
    });
  };
  // Keeps a copy of what the reply needs.
  HttpRequest request = std::move(exchange_.head.request);
  exchange_.head.request = {.method = request.method, .minor_version = request.minor_version};
  const absl::Status status =
      std::move(exchange_.route.handle)(std::move(request), call, std::move(done));
  if (!status.ok()) SendError(status);
}

void HttpSession::OnReply(uint64_t exchange_number, HttpReply reply) {
  if (state_ != State::kHandling || exchange_number != exchange_number_) return;
  Send(std::move(reply));
}

void HttpSession::SendErrorAndClose(const absl::Status& error) {
  close_after_ = true;
  SendError(error);
}

void HttpSession::SendError(const absl::Status& error) {
  if (exchange_.active == nullptr) {  // The head was malformed.
    exchange_.route.handler = handlers_.back().get();
    exchange_.active = std::make_unique<ActiveRequest>(
        rules_, kOtherEndpoint, /*is_call=*/true, ActiveRequest::Origin{.protocol = kProtocol});
  }
  Send(exchange_.route.handler->ErrorReply(error, exchange_.active->call().request_id));
}

bool HttpSession::IsLastReply() const {
  return draining_ || !exchange_.head.keep_alive ||
         limits_.keep_alive_timeout == absl::ZeroDuration();
}

void HttpSession::Send(HttpReply reply) {
  for (HttpField& field : exchange_.cors_fields) reply.fields.push_back(std::move(field));
  exchange_.cors_fields.clear();
  if (reply.stream != nullptr) return BeginStream(std::move(reply));
  state_ = State::kWriting;
  if (IsLastReply()) close_after_ = true;
  exchange_.active->Finish(reply.status, reply.body.size());
  reply_head_ = FormatReplyHead(reply, {.request_id = exchange_.active->call().request_id,
                                        .minor_version = exchange_.head.request.minor_version,
                                        .close = close_after_,
                                        .now = absl::Now()});
  reply_body_ = exchange_.head.request.method == "HEAD" ? std::string() : std::move(reply.body);
  Arm(rules_.write_timeout);
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(reply_head_),
                                                     asio::buffer(reply_body_)};
  asio::async_write(socket_, buffers, [self = shared_from_this()](error_code error, size_t) {
    self->OnWritten(error);
  });
}

void HttpSession::OnWritten(error_code error) {
  if (state_ != State::kWriting) return;
  if (error) return Close();
  if (close_after_) return Linger();
  ++exchange_number_;
  exchange_ = {};
  scanner_ = HeadScanner(ToHeadLimits(limits_));
  state_ = State::kHead;
  if (draining_ && received_.empty()) return Close();
  Arm(limits_.keep_alive_timeout);
  Advance();
}

void HttpSession::BeginStream(HttpReply reply) {
  streaming_ = Streaming{.reply = std::move(reply)};
  AwaitEvents();
}

void HttpSession::AwaitEvents() {
  state_ = State::kStreaming;
  Arm(std::min(limits_.heartbeat_interval, exchange_.active->call().deadline - absl::Now()));
  if (std::exchange(streaming_->awaiting, true)) return;  // A heartbeat came in between.
  streaming_->reply.stream->Wait([io = io_, weak = weak_from_this(), number = exchange_number_] {
    asio::post(*io, [weak, number] {
      if (const auto self = weak.lock()) self->OnEvents(number);
    });
  });
}

void HttpSession::OnEvents(uint64_t exchange_number) {
  if (exchange_number != exchange_number_ || !streaming_.has_value()) return;
  streaming_->awaiting = false;
  if (state_ != State::kStreaming) return;  // Taken after the heartbeat is written.
  HttpStream::Piece piece = streaming_->reply.stream->Take();
  const bool failed = piece.end.has_value() && !piece.end->ok();
  if (failed && piece.bytes.empty()) return FailStream(*piece.end);
  streaming_->end = std::move(piece.end);
  WriteStream(std::move(piece.bytes));
}

void HttpSession::FailStream(const absl::Status& error) {
  if (!streaming_->head_sent) {
    streaming_.reset();
    return SendError(error);
  }
  streaming_->end = error;
  WriteStream("");
}

void HttpSession::WriteStream(std::string bytes) {
  state_ = State::kStreamWriting;
  const HttpReply& reply = streaming_->reply;
  const std::optional<absl::Status>& end = streaming_->end;
  if (end.has_value() && !end->ok()) bytes += reply.stream->ErrorEvent(*end);
  streaming_->piece_bytes = bytes.size();
  const int minor_version = exchange_.head.request.minor_version;
  reply_head_.clear();
  if (!std::exchange(streaming_->head_sent, true)) {
    // For HTTP/1.0 the end of the connection delimits the body.
    if (IsLastReply() || minor_version == 0) close_after_ = true;
    reply_head_ = FormatReplyHead(reply, {.request_id = exchange_.active->call().request_id,
                                          .minor_version = minor_version,
                                          .close = close_after_,
                                          .now = absl::Now()});
  }
  reply_body_ = FrameStream(std::move(bytes));
  if (end.has_value() && end->ok() && minor_version >= 1) reply_body_ += "0\r\n\r\n";
  Arm(rules_.write_timeout);
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(reply_head_),
                                                     asio::buffer(reply_body_)};
  asio::async_write(socket_, buffers, [self = shared_from_this()](error_code error, size_t) {
    self->OnStreamWritten(error);
  });
}

std::string HttpSession::FrameStream(std::string bytes) const {
  if (bytes.empty() || exchange_.head.request.minor_version == 0) return bytes;
  return absl::StrCat(absl::Hex(bytes.size()), "\r\n", bytes, "\r\n");
}

void HttpSession::OnStreamWritten(error_code error) {
  if (state_ != State::kStreamWriting) return;
  if (error) return Abort(absl::CancelledError("the client has left"));
  streaming_->num_bytes += streaming_->piece_bytes;
  if (!streaming_->end.has_value()) return AwaitEvents();
  const absl::Status& end = *streaming_->end;
  const bool failed = !end.ok();
  exchange_.active->Finish(HttpStatus(end), streaming_->num_bytes);
  streaming_.reset();
  if (failed) {  // A missing last chunk tells the client of the failure.
    state_ = State::kStreamFailed;
    return Arm(kErrorEventLead);
  }
  state_ = State::kWriting;
  OnWritten(error);
}

void HttpSession::Linger() {
  state_ = State::kLingering;
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  Arm(limits_.linger_timeout);
  Advance();
}

void HttpSession::Close() {
  state_ = State::kClosed;
  error_code error;
  timer_.cancel(error);
  socket_.close(error);
}

}  // namespace chorus::gateway
