#pragma once

// One HTTP/1.1 connection: reads a request, has it answered, writes the reply, and so on in order.
//
// Threads: all methods, but for the completions given to the handler, run on the one thread that
// runs `io`; so nothing here is locked. A session keeps itself alive while it waits for its socket
// or its timer, and is destroyed when it waits for neither.
//
// States: head -> (continue) -> body -> handling -> writing -> head ...; any -> lingering ->
// closed. A reply that is a stream is written as it comes: handling -> streaming <-> stream writing
// -> head ... Its head waits for the first event or heartbeat, so that a call which fails early has
// its own status code; one that fails later gets an error event and no proper end. Exactly one
// timer runs in each. While a request is handled the session goes on reading, to see pipelined
// requests and the client's leaving; once a head's worth of bytes waits, it stops until the reply
// is out.
//
// Lingering: after the last reply the session closes its side only, and drops what arrives until
// the client closes too. Closing both at once while bytes are unread would make the kernel send
// RST, and the client lose the reply.

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

namespace chorus {

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

  // Closes if between two requests.
  void CloseIfIdle();

  // Cancels the request in progress and answers it with `why`; closes where no request has begun.
  // What is being written already goes on.
  void Cut(const absl::Status& why);

  // Cancels the request in progress and closes; a stream is told why, if it can be at once.
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

  // A request from its head to its reply.
  struct Exchange {
    RequestHead head;
    HttpRoute route;                        // A refusal is sent when the body has been read.
    std::unique_ptr<ActiveRequest> active;  // Null until the head is whole.
    std::optional<RequestBody> body;
  };

  // A reply that is a stream, until all of it has been written.
  struct Streaming {
    HttpReply reply;
    bool head_sent = false;
    bool awaiting = false;            // The stream will call OnEvents.
    std::optional<absl::Status> end;  // How it ends, once that is known.
    size_t piece_bytes = 0;           // Of the body, being written.
    size_t num_bytes = 0;             // Written of the body, as yet.
  };

  void Read();
  void OnReadable(boost::system::error_code error);
  // The client sends no more, while its request is being worked on. Whether it still reads cannot
  // be known: the call is cancelled, and the reply says so to those who do.
  void OnHalfClosed();
  void OnClientGone();
  void Arm(absl::Duration timeout);
  void OnTimeout();

  // Does all that the bytes in received_ allow, then reads on.
  void Advance();
  // Each returns whether the state changed; else more bytes are needed.
  bool AdvanceHead();
  bool AdvanceBody();

  // Fills exchange_ from a whole head and moves on to its body.
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
  // Ends the stream with `error`; as an ordinary reply if nothing has been said yet.
  void FailStream(const absl::Status& error);
  // `bytes`, what must come before them, and what the end asks for if it is known.
  void WriteStream(std::string bytes);
  // As the next piece of the body.
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
  uint64_t timer_number_ = 0;       // Of the present timer; earlier ones are void.
  std::string received_;            // Not yet used.
  HeadScanner scanner_;
  Exchange exchange_;
  uint64_t exchange_number_ = 0;        // Tells a late completion from the present one.
  std::optional<Streaming> streaming_;  // Likewise.
  std::string reply_head_;              // Being written, as the next.
  std::string reply_body_;
};

}  // namespace chorus
