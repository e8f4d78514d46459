#include "api_server/front/reply_head.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api_server/front/http_status.h"
#include "base/string_view.h"

namespace chorus {
namespace {

void AddField(std::string& head, std::string_view name, std::string_view value) {
  if (std::any_of(value.begin(), value.end(), absl::ascii_iscntrl)) return;
  absl::StrAppend(&head, AbslView(name), ": ", AbslView(value), "\r\n");
}

}  // namespace

std::string FormatReplyHead(const HttpReply& reply, const ReplyContext& context) {
  std::string head =
      absl::StrCat("HTTP/1.1 ", reply.status, " ", AbslView(HttpReason(reply.status)), "\r\n");
  AddField(head, "Date",
           absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", context.now, absl::UTCTimeZone()));
  if (!reply.content_type.empty()) AddField(head, "Content-Type", reply.content_type);
  if (reply.status != 204) AddField(head, "Content-Length", absl::StrCat(reply.body.size()));
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

}  // namespace chorus
