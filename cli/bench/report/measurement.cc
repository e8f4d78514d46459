#include "cli/bench/report/measurement.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cli/monotonic_clock.h"

namespace chorus::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kNumSlices = 20;
constexpr absl::Duration kShortestSlice = absl::Milliseconds(250);

double CpuSeconds() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return absl::ToDoubleSeconds(absl::DurationFromTimeval(usage.ru_utime) +
                               absl::DurationFromTimeval(usage.ru_stime));
}

double Rounded(double value) { return std::round(value * 1e4) / 1e4; }

}  // namespace

void Measurement::OnBegin(absl::Duration begin, absl::Duration end) {
  begin_ = begin;
  end_ = end;
  cpu_at_begin_ = CpuSeconds();
  slice_length_ = end == absl::InfiniteDuration()
                      ? kShortestSlice
                      : std::max((end - begin) / kNumSlices, absl::Milliseconds(1));
}

void Measurement::OnEnd(absl::Duration end) {
  end_ = std::max(end, begin_);
  cpu_at_end_ = CpuSeconds();
}

// The part of the call that counts.
double Measurement::Weight(const CallRecord& record) const {
  if (is_open_) return record.due >= begin_ && record.due < end_ ? 1 : 0;
  const absl::Duration within = std::min(record.end, end_) - std::max(record.sent, begin_);
  if (within <= absl::ZeroDuration()) return 0;
  return std::min(1.0, absl::FDivDuration(within, record.end - record.sent));
}

void Measurement::OnCall(const CallRecord& record) {
  const bool is_ok = record.outcome == Outcome::kOk;
  const bool is_good = slo_.Met(record);
  const double weight = Weight(record);
  weight_calls_ += weight;
  weight_ok_ += is_ok ? weight : 0;
  weight_good_ += is_good ? weight : 0;
  weight_tokens_ += weight * record.num_tokens;
  if (record.due < begin_ || record.due >= end_) return;
  ++num_calls_;
  num_good_ += is_good ? 1 : 0;
  ++counts_[static_cast<size_t>(record.outcome)];
  ++statuses_[record.status];
  if (!record.message.empty()) messages_.emplace(record.status, record.message);
  lateness_.Add(absl::ToDoubleSeconds(record.sent - record.due));
  if (record.outcome == Outcome::kRefused) {
    refusal_.Add(absl::ToDoubleSeconds(record.end - record.due));
  }
  ++SliceAt(record.due - begin_).num_calls;
  if (is_ok) AddTimes(record, is_good);
}

// Of a call that ended well.
void Measurement::AddTimes(const CallRecord& record, bool is_good) {
  const auto since_due = [&](absl::Duration time) {
    return absl::ToDoubleSeconds(time - record.due);
  };
  Slice& slice = SliceAt(record.due - begin_);
  ++slice.num_ok;
  slice.num_good += is_good ? 1 : 0;
  slice.num_tokens += record.num_tokens;
  slice.end_to_end.Add(since_due(record.end));
  end_to_end_.Add(since_due(record.end));
  absl::Duration first = absl::InfiniteDuration(), first_of_last = absl::ZeroDuration();
  for (const TextTimes& text : record.texts) {
    Branch& branch = branches_[text.branch];
    ++branch.num_texts;
    branch.num_tokens += text.num_tokens;
    if (text.scored > absl::ZeroDuration()) branch.score.Add(since_due(text.scored));
    if (text.num_tokens == 0) continue;
    branch.ttft.Add(since_due(text.first_token));
    branch.last_token.Add(since_due(text.last_token));
    first = std::min(first, text.first_token);
    first_of_last = std::max(first_of_last, text.first_token);
  }
  if (first < absl::InfiniteDuration()) {
    ttft_.Add(since_due(first));
    slice.ttft.Add(since_due(first));
    ttft_all_.Add(since_due(first_of_last));
  }
  for (const TokenGap& gap : record.gaps) {
    itl_.Add(gap.seconds, gap.count);
    slice.itl.Add(gap.seconds, gap.count);
    branches_[record.texts[gap.text].branch].itl.Add(gap.seconds, gap.count);
  }
}

void Measurement::Slice::Add(const Slice& other) {
  num_calls += other.num_calls;
  num_ok += other.num_ok;
  num_good += other.num_good;
  num_tokens += other.num_tokens;
  end_to_end.Add(other.end_to_end);
  ttft.Add(other.ttft);
  itl.Add(other.itl);
}

// Slices become twice as long when there would be too many: how long a load is may not be known.
Measurement::Slice& Measurement::SliceAt(absl::Duration since_begin) {
  auto index = static_cast<size_t>(since_begin / slice_length_);
  while (index >= size_t{2} * kNumSlices) {
    for (size_t i = 0; i < slices_.size(); ++i) {
      if (i % 2 == 1) slices_[i / 2].Add(slices_[i]);
      if (i % 2 == 0 && i > 0) slices_[i / 2] = std::move(slices_[i]);
    }
    slices_.resize((slices_.size() + 1) / 2);
    slice_length_ *= 2;
    index /= 2;
  }
  if (index >= slices_.size()) slices_.resize(index + 1);
  return slices_[index];
}

Json Measurement::SlicesJson() const {
  Json slices = Json::array();
  for (size_t i = 0; i < slices_.size(); ++i) {
    const Slice& slice = slices_[i];
    const absl::Duration at = slice_length_ * i;
    const absl::Duration length = std::min(slice_length_, end_ - begin_ - at);
    if (length <= absl::ZeroDuration()) break;
    slices.push_back({{"at", Rounded(absl::ToDoubleSeconds(at))},
                      {"seconds", Rounded(absl::ToDoubleSeconds(length))},
                      {"calls", slice.num_calls},
                      {"ok", slice.num_ok},
                      {"good", slice.num_good},
                      {"tokens", slice.num_tokens},
                      {"e2e", slice.end_to_end.Buckets()},
                      {"ttft", slice.ttft.Buckets()},
                      {"itl", slice.itl.Buckets()}});
  }
  return slices;
}

Json Measurement::ToJson() const {
  const double seconds = std::max(1e-9, absl::ToDoubleSeconds(end_ - begin_));
  Json branches = Json::array();
  for (const auto& [name, branch] : branches_) {
    branches.push_back({{"name", name},
                        {"texts", branch.num_texts},
                        {"tokens", branch.num_tokens},
                        {"ttft", branch.ttft.Summary()},
                        {"itl", branch.itl.Summary()},
                        {"last_token", branch.last_token.Summary()},
                        {"score", branch.score.Summary()}});
  }
  return {{"seconds", Rounded(seconds)},
          {"client_cpu_seconds", Rounded(cpu_at_end_ - cpu_at_begin_)},
          {"calls",
           {{"sent", num_calls_},
            {"ok", count(Outcome::kOk)},
            {"good", num_good_},
            {"refused", count(Outcome::kRefused)},
            {"timed_out", count(Outcome::kTimedOut)},
            {"failed", count(Outcome::kFailed)},
            {"unfinished", count(Outcome::kUnfinished)}}},
          {"statuses", statuses_},
          {"messages", messages_},
          {"per_second",
           {{"sent", Rounded(weight_calls_ / seconds)},
            {"ok", Rounded(weight_ok_ / seconds)},
            {"good", Rounded(weight_good_ / seconds)},
            {"tokens", Rounded(weight_tokens_ / seconds)}}},
          {"latency",
           {{"e2e", end_to_end_.Summary()},
            {"ttft", ttft_.Summary()},
            {"ttft_all", ttft_all_.Summary()},
            {"itl", itl_.Summary()},
            {"refusal", refusal_.Summary()},
            {"sent_late", lateness_.Summary()}}},
          {"branches", std::move(branches)},
          {"slices", SlicesJson()}};
}

}  // namespace chorus::bench
