#pragma once

// Calls over HTTP/1.1, perhaps within TLS: one at a time on a connection, as many connections as
// there are calls at once, each kept for the next call.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "cli/bench/load/http_dialect.h"
#include "cli/bench/load/target.h"

namespace chorus::bench {

class HttpTarget : public Target {
 public:
  // Blocks while the host's name is resolved. INVALID_ARGUMENT names the host, or certificates that
  // cannot be read. `io` must outlive the target.
  static absl::StatusOr<std::unique_ptr<HttpTarget>> Create(boost::asio::io_context& io,
                                                            const Question& question,
                                                            const ServerUrl& url);
  ~HttpTarget() override;

  void Send(Call call, absl::Duration due, Done done) override;
  void Expire(absl::Duration now) override;
  void Cancel() override;

 private:
  class Connection;

  HttpTarget(boost::asio::io_context& io, const Question& question, const ServerUrl& url);
  void OnDone(Connection& connection, Done done, CallRecord record);

  boost::asio::io_context& io_;
  const HttpDialect dialect_;
  const absl::Duration timeout_;
  const HostPort server_;
  std::unique_ptr<boost::asio::ssl::context> tls_;  // Null without TLS.
  std::vector<boost::asio::ip::tcp::endpoint> endpoints_;
  std::vector<std::unique_ptr<Connection>> idle_;  // The latest used last.
  absl::flat_hash_map<Connection*, std::unique_ptr<Connection>> busy_;
};

}  // namespace chorus::bench
