#pragma once

// One HTTP/1.1 connection: reads, answers and writes one request after another.
//
// Thread safety: all methods run on the thread of `io`, so nothing is locked; the completions given
// to handlers may come from any thread and are posted to it. A session keeps itself alive while it
// waits for its socket or timer, and is destroyed when it waits for neither.
//
// States: head -> (continue) -> body -> handling -> writing -> head ...; any -> lingering ->
// closed. A stream is written as it comes: handling -> streaming <-> stream writing -> head ... Its
// head waits for the first event or heartbeat, so that a call which fails early has its own status
// code; a later failure gets an error event and an incomplete body. Exactly one timer runs in each
// state. While a request is handled the session goes on reading, to detect pipelined requests and a
// client that leaves, until a head's worth of bytes waits.
//
// Lingering: after the last reply the session closes only its sending side, and discards input
// until the client closes too. Closing a socket with unread bytes makes the kernel send RST, and
// the client may lose the reply.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api_server/front/active_request.h"
#include "api_server/front/http_handler.h"
#include "api_server/front/http_server.h"
#include "api_server/front/request_body.h"
#include "api_server/front/request_head.h"

namespace chorus::gateway {

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `socket` runs on `io`. All references and `handlers` must outlive the session. Once `draining`
  // is set every reply is the connection's last. `on_destroyed` is called by the destructor.
  HttpSession(std::shared_ptr<boost::asio::io_context> io, Socket socket, const HttpLimits& limits,
              const std::atomic<bool>& draining, HttpHandlers handlers, const FrontRules& rules,
              std::function<void(HttpSession*)> on_destroyed);
  ~HttpSession();

  void Start();

  // Closes the connection if it is between two requests.
  void CloseIfIdle();

  // Cancels the request in progress and answers it with `why`; closes if there is none. A reply
  // being written is completed.
  void Cut(const absl::Status& why);

  // Cancels the request in progress and closes at once; a stream gets an error event if it can be
  // written.
  void Abort(const absl::Status& why);

 private:
  enum class State {
    kHead,
    kContinue,
    kBody,
    kHandling,
    kWriting,
    kStreaming,
    kStreamWriting,
    kStreamFailed,
    kLingering,
    kClosed
  };

  // The request in progress.
  struct Exchange {
    RequestHead head;
    std::vector<HttpField> cors_fields;     // Of the reply.
    HttpRoute route;                        // A refusal is sent after the body has been read.
    std::unique_ptr<ActiveRequest> active;  // Null until the head is complete.
    std::optional<RequestBody> body;
  };

  // The stream being written.
  struct Streaming {
    HttpReply reply;
    bool head_sent = false;
    bool awaiting = false;            // The stream will call OnEvents.
    std::optional<absl::Status> end;  // How it ends, once known.
    size_t piece_bytes = 0;           // Of the body, in the current write.
    size_t num_bytes = 0;             // Of the body, so far.
  };

  void Read();
  void OnReadable(boost::system::error_code error);
  // The client closed its sending side during a call. Whether it still reads is unknown: the call
  // is cancelled, and the reply says so.
  void OnHalfClosed();
  void OnClientGone();
  void Arm(absl::Duration timeout);
  void OnTimeout();

  // Processes received_ as far as possible, then reads on.
  void Advance();
  // Return whether the state changed; else more bytes are needed.
  bool AdvanceHead();
  bool AdvanceBody();

  // Fills exchange_ from a complete head and begins its body.
  void BeginExchange(absl::StatusOr<RequestHead> head);
  void SendContinue();
  void Handle();
  void OnReply(uint64_t exchange_number, HttpReply reply);
  void SendError(const absl::Status& error);
  void SendErrorAndClose(const absl::Status& error);
  bool IsLastReply() const;
  void Send(HttpReply reply);
  void OnWritten(boost::system::error_code error);

  void BeginStream(HttpReply reply);
  void AwaitEvents();
  void OnEvents(uint64_t exchange_number);
  // Ends the stream with `error`; as an ordinary reply if its head has not been sent.
  void FailStream(const absl::Status& error);
  // Writes `bytes`, before them the head if it is due, and after them the end if known.
  void WriteStream(std::string bytes);
  // As a chunk of the body.
  std::string FrameStream(std::string bytes) const;
  void OnStreamWritten(boost::system::error_code error);

  void Linger();
  void Close();

  const std::shared_ptr<boost::asio::io_context> io_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  const HttpLimits& limits_;
  const std::atomic<bool>& draining_;
  const HttpHandlers handlers_;
  const FrontRules& rules_;
  const std::function<void(HttpSession*)> on_destroyed_;

  State state_ = State::kHead;
  bool reading_ = false;            // A wait for readability is outstanding.
  bool close_after_ = false;        // The reply being written is the last.
  bool awaiting_deadline_ = false;  // In kBody the timer is that of the call's deadline.
  uint64_t timer_number_ = 0;       // Of the current timer; earlier ones are void.
  std::string received_;            // Not yet parsed.
  HeadScanner scanner_;
  Exchange exchange_;
  uint64_t exchange_number_ = 0;  // Identifies late completions.
  std::optional<Streaming> streaming_;
  std::string reply_head_;  // Being written, as the next.
  std::string reply_body_;
};

}  // namespace chorus::gateway
