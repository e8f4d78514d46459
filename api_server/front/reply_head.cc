#include "api_server/front/reply_head.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

std::string_view Reason(int http_code) {
  for (const auto& [code, reason] : kReasons) {
    if (code == http_code) return reason;
  }
  return "Unknown";
}

void AddField(std::string& head, std::string_view name, std::string_view value) {
  if (std::any_of(value.begin(), value.end(), absl::ascii_iscntrl)) return;
  absl::StrAppend(&head, AbslView(name), ": ", AbslView(value), "\r\n");
}

}  // namespace

std::string FormatReplyHead(const HttpReply& reply, const ReplyContext& context) {
  std::string head =
      absl::StrCat("HTTP/1.1 ", reply.status, " ", AbslView(Reason(reply.status)), "\r\n");
  AddField(head, "Date",
           absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", context.now, absl::UTCTimeZone()));
  if (!reply.content_type.empty()) AddField(head, "Content-Type", reply.content_type);
  if (reply.stream != nullptr) {
    if (context.minor_version >= 1) AddField(head, "Transfer-Encoding", "chunked");
  } else if (reply.status != 204 && reply.status != 304) {
    // 304 could only give the length that 200 would have.
    AddField(head, "Content-Length", absl::StrCat(reply.body.size()));
  }
  AddField(head, "X-Request-Id", context.request_id);
  AddField(head, "X-BentoML-Request-ID", context.request_id);
  for (const HttpField& field : reply.fields) AddField(head, field.name, field.value);
  if (context.close) {
    AddField(head, "Connection", "close");
  } else if (context.minor_version == 0) {
    AddField(head, "Connection", "keep-alive");
  }
  return head + "\r\n";
}

}  // namespace chorus::gateway
