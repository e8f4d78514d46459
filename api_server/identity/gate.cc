#include "api_server/identity/gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/string_view.h"
#include "google/rpc/error_details.pb.h"

namespace chorus::gateway {
namespace {

constexpr std::string_view kScheme = "bearer ";

absl::Status Full(const ApiKey& key, const char* bound, uint32_t value, absl::Duration retry) {
  absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat("the key \"", key.name, "\" has reached its ", bound, ", ", value));
  google::rpc::RetryInfo info;
  const absl::Duration whole = absl::Ceil(retry, absl::Seconds(1));
  info.mutable_retry_delay()->set_seconds(std::max<int64_t>(1, absl::ToInt64Seconds(whole)));
  SetDetail(info, status);
  return status;
}

// Of codes of three digits, the kind.
const char* OutcomeOf(int http_code) {
  if (http_code < 400) return "ok";
  if (http_code == 429) return "refused";
  return http_code < 500 ? "caller_error" : "failed";
}

}  // namespace

void Quota::Bucket::Fill(double per_minute, absl::Time now) {
  if (filled_at == absl::InfinitePast()) {
    level = per_minute;
  } else if (now > filled_at) {
    level = std::min(per_minute,
                     level + per_minute * absl::FDivDuration(now - filled_at, absl::Minutes(1)));
  }
  filled_at = std::max(filled_at, now);
}

absl::Duration Quota::Bucket::Wait(double per_minute) const {
  return level >= 1 ? absl::ZeroDuration() : absl::Minutes((1 - level) / per_minute);
}

absl::Status Quota::Begin(const ApiKey& key, absl::Time now) {
  const std::lock_guard lock(mutex_);
  if (key.max_concurrent && num_running_ >= *key.max_concurrent) {
    return Full(key, "max_concurrent", *key.max_concurrent, absl::Seconds(1));
  }
  if (key.tokens_per_minute) {
    tokens_.Fill(*key.tokens_per_minute, now);
    if (const absl::Duration wait = tokens_.Wait(*key.tokens_per_minute);
        wait > absl::ZeroDuration()) {
      return Full(key, "tokens_per_minute", *key.tokens_per_minute, wait);
    }
  }
  if (key.requests_per_minute) {
    requests_.Fill(*key.requests_per_minute, now);
    if (const absl::Duration wait = requests_.Wait(*key.requests_per_minute);
        wait > absl::ZeroDuration()) {
      return Full(key, "requests_per_minute", *key.requests_per_minute, wait);
    }
    requests_.level -= 1;
  }
  ++num_running_;
  return absl::OkStatus();
}

void Quota::End(const ApiKey& key, uint64_t num_tokens, absl::Time now) {
  const std::lock_guard lock(mutex_);
  --num_running_;
  if (!key.tokens_per_minute) return;
  tokens_.Fill(*key.tokens_per_minute, now);
  tokens_.level -= static_cast<double>(num_tokens);  // Also below zero: the debt is paid in time.
}

absl::Status Caller::CheckGraph(const std::string& graph) const {
  if (key_ == nullptr || key_->may_run(graph)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the key \"", key_->name, "\" may not run the graph \"", graph, "\""));
}

absl::Status Caller::CheckModel(const std::string& model) const {
  if (key_ == nullptr || key_->may_call(model)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the key \"", key_->name, "\" may not call the model \"", model, "\""));
}

absl::Status Caller::Begin(absl::Time now) const {
  return key_ == nullptr ? absl::OkStatus() : quota_->Begin(*key_, now);
}

void Caller::End(uint64_t num_tokens, absl::Time now) const {
  if (key_ != nullptr) quota_->End(*key_, num_tokens, now);
}

Gate::Gate(bool allow_anonymous, prometheus::Registry& registry)
    : allow_anonymous_(allow_anonymous),
      requests_(prometheus::BuildCounter()
                    .Name("chorus_key_requests_total")
                    .Help("Calls that ended, by the API key that made them")
                    .Register(registry)),
      num_tokens_(prometheus::BuildCounter()
                      .Name("chorus_key_tokens_total")
                      .Help("Tokens that the calls of an API key read and wrote")
                      .Register(registry)) {}

void Gate::SetKeys(std::shared_ptr<const KeyRing> keys) {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  std::map<std::string, std::shared_ptr<Quota>> quotas;
  if (keys_ != nullptr) {
    for (const auto& key : keys_->keys()) {
      const auto old = quotas_.find(key->name);
      quotas[key->name] = old == quotas_.end() ? std::make_shared<Quota>() : old->second;
    }
  }
  quotas_ = std::move(quotas);
}

absl::StatusOr<Caller> Gate::Identify(std::string_view authorization, absl::Time now) {
  std::shared_ptr<const KeyRing> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  if (keys == nullptr) return Caller();
  if (authorization.empty()) {
    if (allow_anonymous_) return Caller();
    return absl::UnauthenticatedError(
        "an API key is needed: send the header \"Authorization: Bearer KEY\", over gRPC as "
        "metadata");
  }
  if (!absl::StartsWithIgnoreCase(AbslView(authorization), AbslView(kScheme))) {
    return absl::UnauthenticatedError("the Authorization header must be \"Bearer KEY\"");
  }
  authorization.remove_prefix(kScheme.size());
  const std::shared_ptr<const ApiKey> key = keys->Find(authorization);
  if (key == nullptr) return absl::UnauthenticatedError("there is no such API key");
  if (now >= key->expires) {
    return absl::UnauthenticatedError(
        absl::StrCat("the key \"", key->name, "\" is valid no more since ",
                     absl::FormatTime(absl::RFC3339_sec, key->expires, absl::UTCTimeZone())));
  }
  const std::lock_guard lock(mutex_);
  const auto quota = quotas_.find(key->name);
  // It may have gone with a reload just now.
  return Caller(key, quota == quotas_.end() ? std::make_shared<Quota>() : quota->second);
}

void Gate::Count(const Caller& caller, int http_code, uint64_t prompt_tokens,
                 uint64_t generated_tokens) {
  if (caller.name().empty()) return;
  const std::string key(caller.name());
  requests_.Add({{"key", key}, {"outcome", OutcomeOf(http_code)}}).Increment();
  const auto count = [&](const char* kind, uint64_t number) {
    if (number == 0) return;
    num_tokens_.Add({{"key", key}, {"kind", kind}}).Increment(static_cast<double>(number));
  };
  count("prompt", prompt_tokens);
  count("generated", generated_tokens);
}

}  // namespace chorus::gateway
