#include "api_server/runners/replica_set.h"

#include <glog/logging.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/runners/replica_choice.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

// Between looks at whether those that are to leave may, and are idle.
constexpr absl::Duration kMovePeriod = absl::Milliseconds(100);

enum class Verdict { kSuccess, kFault, kNeither };

Verdict Judge(const absl::Status& outcome) {
  switch (outcome.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return Verdict::kFault;
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return Verdict::kNeither;
    default:
      return Verdict::kSuccess;  // It has answered.
  }
}

}  // namespace

ReplicaSet::ReplicaSet(Options options)
    : options_(std::move(options)), moves_(options_.endpoints), task_(options_.task) {
  for (const std::string& endpoint : options_.endpoints) {
    if (!HasHostName(endpoint)) Update(endpoint, {endpoint});
  }
  if (std::ranges::any_of(options_.endpoints, HasHostName))
    resolver_ = std::jthread([this](const std::stop_token& stop) { RunResolver(stop); });
}

ReplicaSet::~ReplicaSet() {
  resolver_.request_stop();
  if (resolver_.joinable()) resolver_.join();
}

void ReplicaSet::SetEndpoints(const std::vector<std::string>& endpoints, ModelTask task) {
  {
    std::lock_guard lock(mutex_);
    moves_.Set(endpoints);
    task_ = task;
  }
  for (const std::string& endpoint : endpoints) {
    if (!HasHostName(endpoint)) Update(endpoint, {endpoint});
  }
  std::lock_guard lock(mutex_);
  MoveOnLocked();
  woken_ = true;
  wake_.notify_all();
  if (!resolver_.joinable()) {
    resolver_ = std::jthread([this](const std::stop_token& stop) { RunResolver(stop); });
  }
}

void ReplicaSet::RunResolver(const std::stop_token& stop) {
  absl::Time next = absl::InfinitePast();
  while (!stop.stop_requested()) {
    if (const absl::Time now = absl::Now(); now >= next) {
      ResolveAll();
      next = now + options_.resolve_period;
    }
    const absl::Duration pause = MoveOn() ? kMovePeriod : options_.resolve_period;
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, stop, absl::ToChronoNanoseconds(pause), [&] { return woken_; })) {
      next = absl::InfinitePast();
    }
    woken_ = false;
  }
}

void ReplicaSet::ResolveAll() {
  std::vector<std::string> endpoints;
  {
    std::lock_guard lock(mutex_);
    endpoints = moves_.all();
  }
  for (const std::string& endpoint : endpoints) {
    if (!HasHostName(endpoint)) continue;
    const auto addresses = options_.resolve(endpoint);
    const bool changed =
        addresses.ok() ? Update(endpoint, *addresses) : KeepServing(endpoint, addresses.status());
    if (changed && options_.on_health_change) options_.on_health_change();
  }
}

bool ReplicaSet::Update(const std::string& source, const std::vector<std::string>& addresses) {
  std::lock_guard lock(mutex_);
  resolved_ = absl::OkStatus();
  if (!moves_.Has(source)) return false;  // It has left meanwhile.
  bool changed = RetireLocked([&](const Replica& replica) {
    return replica.source == source && std::find(addresses.begin(), addresses.end(),
                                                 replica.endpoint->address()) == addresses.end();
  });
  for (const std::string& address : addresses) {
    if (IsKnownLocked(address)) continue;
    LOG(INFO) << "runner replica is known runner=" << options_.runner << " endpoint=" << address;
    replicas_.push_back({source, MakeEndpoint(address)});
    changed = true;
  }
  return changed;
}

bool ReplicaSet::IsKnownLocked(const std::string& address) const {
  return std::ranges::any_of(
      replicas_, [&](const Replica& replica) { return replica.endpoint->address() == address; });
}

bool ReplicaSet::KeepServing(const std::string& source, const absl::Status& why) {
  std::lock_guard lock(mutex_);
  if (resolved_ != why) {
    LOG(WARNING) << "runner's name is not resolved runner=" << options_.runner << " detail=\""
                 << why.message() << "\"";
    resolved_ = why;
  }
  return RetireLocked([&](const Replica& replica) {
    return replica.source == source && !replica.endpoint->serving();
  });
}

template <typename Predicate>
bool ReplicaSet::RetireLocked(Predicate gone) {
  const auto begin = std::stable_partition(replicas_.begin(), replicas_.end(),
                                           [&](const Replica& replica) { return !gone(replica); });
  if (begin == replicas_.end()) return false;
  for (auto replica = begin; replica != replicas_.end(); ++replica) {
    LOG(INFO) << "runner replica is gone runner=" << options_.runner
              << " endpoint=" << replica->endpoint->address();
    retired_.push_back(std::move(replica->endpoint));
  }
  replicas_.erase(begin, replicas_.end());
  return true;
}

bool ReplicaSet::ServesLocked(const std::string& source) const {
  return std::ranges::any_of(replicas_, [&](const Replica& replica) {
    return replica.source == source && replica.endpoint->serves(task_);
  });
}

bool ReplicaSet::MoveOnLocked() {
  const std::vector<std::string> left =
      moves_.Leave([&](const std::string& endpoint) { return ServesLocked(endpoint); });
  return RetireLocked(
      [&](const Replica& replica) { return std::ranges::count(left, replica.source) > 0; });
}

bool ReplicaSet::MoveOn() {
  std::vector<std::unique_ptr<Endpoint>> idle;
  bool changed, more;
  {
    std::lock_guard lock(mutex_);
    changed = MoveOnLocked();
    const auto begin =
        std::stable_partition(retired_.begin(), retired_.end(),
                              [](const auto& endpoint) { return endpoint->num_calls() > 0; });
    std::move(begin, retired_.end(), std::back_inserter(idle));
    retired_.erase(begin, retired_.end());
    more = !retired_.empty() || moves_.moving();
  }
  changed |= !idle.empty();
  // Not under the lock: destroying an endpoint waits for its watch, whose callback may take it.
  idle.clear();
  if (changed && options_.on_health_change) options_.on_health_change();
  return more;
}

std::unique_ptr<Endpoint> ReplicaSet::MakeEndpoint(const std::string& address) const {
  return std::make_unique<Endpoint>(
      Endpoint::Options{.runner = options_.runner,
                        .address = address,
                        .max_message_bytes = options_.max_message_bytes,
                        .on_health_change = options_.on_health_change});
}

absl::StatusOr<Endpoint::Lease> ReplicaSet::Choose(const Work& work, const Endpoint* except) {
  const absl::Time now = absl::Now();
  std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const std::vector<Endpoint*> candidates, CandidatesLocked(work, except, now));
  if (except == nullptr) budget_.OnCall(now);
  std::vector<int64_t> loads;
  loads.reserve(candidates.size());
  for (const Endpoint* endpoint : candidates) loads.push_back(endpoint->num_tokens());
  thread_local absl::InsecureBitGen random;
  Endpoint* chosen = candidates[ChooseReplica(loads, absl::Uniform<uint64_t>(random))];
  return chosen->BeginCall(work.tokens, work.waits);
}

absl::Status ReplicaSet::CheckRoom(const Work& work) {
  std::lock_guard lock(mutex_);
  const absl::Status status = CandidatesLocked(work, nullptr, absl::Now()).status();
  return absl::IsResourceExhausted(status) ? status : absl::OkStatus();
}

absl::StatusOr<std::vector<Endpoint*>> ReplicaSet::CandidatesLocked(const Work& work,
                                                                    const Endpoint* except,
                                                                    absl::Time now) {
  std::vector<Endpoint*> healthy, serving;
  const bool any_suits = SuitsLocked(work.task);
  for (const Replica& replica : replicas_) {
    Endpoint* endpoint = replica.endpoint.get();
    if (!endpoint->serving() || endpoint == except) continue;
    if (any_suits && !endpoint->suits(work.task)) continue;
    serving.push_back(endpoint);
    if (!endpoint->ejection().ejected(now)) healthy.push_back(endpoint);
  }
  if (serving.empty()) {
    return absl::UnavailableError(
        absl::StrCat("no healthy replica: 0 of ", replicas_.size(), " are serving",
                     resolved_.ok() ? "" : absl::StrCat("; ", resolved_.message())));
  }
  std::vector<Endpoint*>& candidates = healthy.empty() ? serving : healthy;
  if (!work.waits) return std::move(candidates);
  std::erase_if(candidates, [&](const Endpoint* endpoint) {
    return endpoint->backpressure().full_for(work.tokens, now);
  });
  if (candidates.empty()) {
    ++num_refusals_;
    return absl::ResourceExhaustedError("the queue of every replica is full; retry later");
  }
  return std::move(candidates);
}

void ReplicaSet::Report(Endpoint& endpoint, const absl::Status& outcome) {
  const Verdict verdict = Judge(outcome);
  if (verdict == Verdict::kNeither) return;
  if (verdict == Verdict::kSuccess) return endpoint.ejection().OnSuccess();
  const absl::Time now = absl::Now();
  std::lock_guard lock(mutex_);
  const auto num_ejected = std::ranges::count_if(
      replicas_, [&](const Replica& replica) { return replica.endpoint->ejection().ejected(now); });
  const bool may_eject = 2 * (static_cast<size_t>(num_ejected) + 1) <= replicas_.size();
  if (endpoint.ejection().OnFailure(now, may_eject)) {
    LOG(WARNING) << "runner replica is ejected runner=" << options_.runner
                 << " endpoint=" << endpoint.address()
                 << " code=" << absl::StatusCodeToString(outcome.code());
  }
}

bool ReplicaSet::TakeRetry() {
  if (!budget_.TakeRetry(absl::Now())) return false;
  std::lock_guard lock(mutex_);
  ++num_retries_;
  return true;
}

RunnerStatus ReplicaSet::status() const {
  const absl::Time now = absl::Now();
  std::lock_guard lock(mutex_);
  RunnerStatus status = {
      .awaited = moves_.awaited(), .num_retries = num_retries_, .num_refusals = num_refusals_};
  std::erase_if(status.awaited, [&](const std::string& source) { return ServesLocked(source); });
  for (const Replica& replica : replicas_) {
    const Endpoint& endpoint = *replica.endpoint;
    status.replicas.push_back({.endpoint = endpoint.address(),
                               .healthy = endpoint.serving() && !endpoint.ejection().ejected(now),
                               .num_ejections = endpoint.ejection().count(),
                               .model = endpoint.model()});
  }
  for (const std::unique_ptr<Endpoint>& endpoint : retired_) {
    if (IsKnownLocked(endpoint->address())) continue;  // It is back.
    status.replicas.push_back({.endpoint = endpoint->address(),
                               .num_ejections = endpoint->ejection().count(),
                               .model = endpoint->model()});
  }
  return status;
}

bool ReplicaSet::healthy() const {
  std::lock_guard lock(mutex_);
  return std::ranges::any_of(replicas_,
                             [](const Replica& replica) { return replica.endpoint->serving(); });
}

bool ReplicaSet::suits(ModelTask task) const {
  std::lock_guard lock(mutex_);
  return SuitsLocked(task);
}

bool ReplicaSet::SuitsLocked(ModelTask task) const {
  bool any_serves = false;
  for (const Replica& replica : replicas_) {
    if (replica.endpoint->serves(task)) return true;
    any_serves |= replica.endpoint->serving();
  }
  return !any_serves;
}

}  // namespace chorus::gateway
