#include "api_server/front/active_request.h"

#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "glog/logging.h"

namespace chorus::gateway {
namespace {

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 128 && HasNameCharacters(text);
}

std::string MakeRequestId() {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed = {device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad16), absl::Hex(random(), absl::kZeroPad16));
}

}  // namespace

ActiveRequest::ActiveRequest(const FrontRules& rules, std::string_view endpoint, bool is_call,
                             const Origin& origin)
    : metrics_(rules.metrics),
      access_log_(is_call ? rules.access_log : nullptr),
      gate_(is_call ? rules.gate : nullptr),
      protocol_(origin.protocol),
      method_(origin.method),
      endpoint_(endpoint),
      call_({.deadline = std::min(origin.deadline, arrival_ + rules.max_timeout.Get()),
             .stop = stop_.get_token(),
             .request_id = TakeRequestId(origin.request_id),
             .traceparent = TakeTraceparent(origin.traceparent),
             .caller = Identify(origin.authorization)}) {
  metrics_.Begin(endpoint_);
}

Caller ActiveRequest::Identify(std::string_view authorization) {
  if (gate_ == nullptr) return Caller();
  absl::StatusOr<Caller> caller = gate_->Identify(authorization, arrival_);
  refusal_ = caller.ok() ? caller->Begin(arrival_) : caller.status();
  return caller.ok() ? *std::move(caller) : Caller();
}

ActiveRequest::~ActiveRequest() {
  if (!finished_) Finish(kClientClosedRequest);
}

void ActiveRequest::Finish(int http_code, uint64_t reply_bytes) {
  finished_ = true;
  const absl::Duration duration = absl::Now() - arrival_;
  metrics_.End(endpoint_, http_code, duration);
  const CallUsage usage = call_.notes->usage.Get();
  if (gate_ != nullptr) {
    if (refusal_.ok()) {
      call_.caller.End(usage.prompt_tokens + usage.generated_tokens, arrival_ + duration);
    }
    gate_->Count(call_.caller, http_code, usage.prompt_tokens, usage.generated_tokens);
  }
  const AccessLogEntry entry = {.request_id = call_.request_id,
                                .traceparent = call_.traceparent,
                                .protocol = protocol_,
                                .method = method_,
                                .route = endpoint_,
                                .key = call_.caller.name(),
                                .status = http_code,
                                .duration = duration,
                                .usage = usage,
                                .reply_bytes = reply_bytes};
  const bool is_read = (method_ == "GET" || method_ == "HEAD") && http_code < 400;
  if (access_log_ != nullptr && !is_read) return access_log_->Write(entry);
  VLOG(1) << entry.ToString();
}

std::string TakeRequestId(std::string_view offered) {
  return IsRequestId(offered) ? std::string(offered) : MakeRequestId();
}

std::string TakeTraceparent(std::string_view offered) {
  // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  constexpr std::string_view kShape = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (offered.size() != kShape.size()) return "";
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = absl::ascii_isxdigit(offered[i]) && !absl::ascii_isupper(offered[i]);
    if (kShape[i] == 'x' ? !is_digit : offered[i] != kShape[i]) return "";
  }
  const auto is_zero = [&](size_t begin, size_t size) {
    return offered.substr(begin, size).find_first_not_of('0') == std::string_view::npos;
  };
  if (is_zero(3, 32) || is_zero(36, 16)) return "";
  return std::string(offered);
}

absl::StatusOr<absl::Time> TakeDeadline(const HttpRequest& request, absl::Time arrival) {
  const std::string* field = request.Find("X-Request-Timeout-Ms");
  if (field == nullptr) return absl::InfiniteFuture();
  const bool is_number = !field->empty() && field->size() <= 18 &&
                         std::all_of(field->begin(), field->end(), absl::ascii_isdigit);
  int64_t milliseconds = 0;
  if (!is_number || !absl::SimpleAtoi(*field, &milliseconds) || milliseconds < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "X-Request-Timeout-Ms must be a whole number of milliseconds, at least 1: ", *field));
  }
  return arrival + absl::Milliseconds(milliseconds);
}

}  // namespace chorus::gateway
