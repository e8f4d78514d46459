// Input: a protocol of `chorus bench` on a line of its own, and the bytes a server sends over HTTP.
// They mean the same however they are cut, and the report of them has nothing that commands a
// terminal or is markup of theirs.

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <iterator>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "cli/bench/load/http_dialect.h"
#include "cli/bench/load/http_reply.h"
#include "cli/bench/report/measurement.h"
#include "cli/bench/report/report.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::bench {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// A connection that brings `rest`, at most `piece` bytes a read, and is then closed.
struct Wire {
  std::string_view rest;
  size_t piece;

  template <typename Buffers>
  size_t read_some(const Buffers& buffers, error_code& error) {
    error = {};
    if (rest.empty()) error = asio::error::eof;
    const size_t size =
        asio::buffer_copy(buffers, asio::buffer(rest.data(), std::min(piece, rest.size())));
    rest.remove_prefix(size);
    return size;
  }
  template <typename Buffers>
  size_t read_some(const Buffers& buffers) {
    error_code ignored;
    return read_some(buffers, ignored);
  }
};

CallRecord Read(const HttpDialect& dialect, std::string_view bytes, size_t piece) {
  CallRecord record{.sent = absl::Milliseconds(1), .end = absl::Milliseconds(9)};
  ReplyReader reader(dialect);
  reader.Begin(record);
  HttpReply reply(
      [&](int code, std::string_view body) { reader.OnBody(code, body, absl::Milliseconds(5)); });
  Wire wire{bytes, piece};
  boost::beast::flat_buffer buffer(64 << 10);
  error_code error;
  boost::beast::http::read(wire, buffer, reply, error);
  if (!error) {
    reader.OnEnd(reply.code());
  } else if (record.status.empty()) {
    record.Fail(Outcome::kFailed, error.message(), "");
  }
  return record;
}

// What is wrong with a broken message is told by where its pieces end, too.
bool AreEqual(const CallRecord& a, const CallRecord& b) {
  return a.outcome == b.outcome &&
         (a.outcome == Outcome::kFailed || (a.status == b.status && a.message == b.message)) &&
         a.num_tokens == b.num_tokens && a.gaps.size() == b.gaps.size() &&
         std::ranges::equal(a.texts, b.texts, [](const TextTimes& x, const TextTimes& y) {
           return x.branch == y.branch && x.index == y.index && x.num_tokens == y.num_tokens &&
                  x.scored == y.scored;
         });
}

Report ReportOf(const CallRecord& record) {
  Measurement measurement({}, true);
  measurement.OnBegin(absl::ZeroDuration(), absl::Seconds(1));
  measurement.OnCall(record);
  measurement.OnEnd(absl::Seconds(1));
  Report report = {{"schema", kRunSchema}};
  report.update(measurement.ToJson());
  return report;
}

bool IsControl(char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7F; }

void Check(Protocol protocol, std::string_view bytes) {
  const HttpDialect dialect({.protocol = protocol, .name = "gpt2"},
                            *ServerUrl::Parse("http://127.0.0.1:1"));
  const CallRecord record = Read(dialect, bytes, std::max<size_t>(bytes.size(), 1));
  FUZZ_ASSERT((record.outcome == Outcome::kOk) == (record.status == "200"));
  FUZZ_ASSERT(!record.status.empty() && record.message.size() <= 300);
  FUZZ_ASSERT(IsValidUtf8(record.message));
  FUZZ_ASSERT(AreEqual(Read(dialect, bytes, 1), record));
  FUZZ_ASSERT(AreEqual(Read(dialect, bytes, 7), record));
  const Report report = ReportOf(record);
  FUZZ_ASSERT(std::ranges::none_of(ToTable(report), IsControl));
  CallRecord tame = record;
  for (std::string* text : {&tame.message, &tame.status}) std::ranges::replace(*text, '<', '(');
  for (TextTimes& text : tame.texts) std::ranges::replace(text.branch, '<', '(');
  FUZZ_ASSERT(std::ranges::count(ToPage(report), '<') ==
              std::ranges::count(ToPage(ReportOf(tame)), '<'));
}

}  // namespace
}  // namespace chorus::bench

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chorus::bench::kProtocols;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto* const found = std::ranges::find(kProtocols, chorus::TakeLine(rest));
  const auto protocol = static_cast<chorus::bench::Protocol>(found - std::begin(kProtocols));
  if (found == std::end(kProtocols) || chorus::bench::IsGrpc(protocol)) return 0;
  chorus::bench::Check(protocol, rest);
  return 0;
}
