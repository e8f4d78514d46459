#include "cli/bench/load/workload.h"

#include <iterator>

#include "base/status_macros.h"

namespace chorus::bench {
namespace {

constexpr const char* kWords[] = {
    "the",   "time", "people", "way",   "water", "day",   "part",  "place", "work",  "week",
    "point", "home", "room",   "area",  "money", "story", "month", "lot",   "right", "study",
    "book",  "eye",  "job",    "word",  "issue", "side",  "kind",  "head",  "house", "page",
    "year",  "hand", "power",  "game",  "line",  "end",   "city",  "team",  "name",  "car",
    "body",  "back", "face",   "level", "door",  "art",   "war",   "party", "long",  "small"};

}  // namespace

std::string Words(uint32_t count, Random& random) {
  std::string text;
  for (uint32_t i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random.Bits() % std::size(kWords)];
  }
  return text;
}

Workload::Workload(const WorkloadOptions& options)
    : options_(options),
      arrivals_(options.seed, 0),
      choices_(options.seed, 1),
      words_(options.seed, 2) {}

absl::StatusOr<Workload> Workload::Create(const WorkloadOptions& options) {
  Workload workload(options);
  const bool is_trace = !options.trace.empty();
  if (is_trace || !options.prompts.empty()) {
    ASSIGN_OR_RETURN(workload.entries_,
                     ReadCallFile(is_trace ? options.trace : options.prompts, is_trace));
  }
  if (!options.text) {
    ASSIGN_OR_RETURN(workload.prompt_tokens_, Lengths::Parse(options.prompt_tokens));
  }
  if (!options.output_tokens.empty()) {
    ASSIGN_OR_RETURN(workload.output_tokens_, Lengths::Parse(options.output_tokens));
  }
  return workload;
}

std::optional<Call> Workload::Next() {
  CallFileEntry entry;
  if (!options_.trace.empty()) {
    if (next_ == entries_.size()) return std::nullopt;
    entry = entries_[next_++];
    due_ = entry.at;
  } else {
    if (!entries_.empty()) entry = entries_[choices_.Bits() % entries_.size()];
    if (options_.rate > 0) {
      due_ += absl::Seconds((options_.steady ? 1 : arrivals_.Exponential()) / options_.rate);
    }
  }
  Call call{.due = due_, .output_tokens = entry.output_tokens};
  if (entry.text) {
    call.text = *entry.text;
  } else if (entry.prompt_tokens) {
    call.text = Words(*entry.prompt_tokens, words_);
  } else {
    call.text = options_.text ? *options_.text : Words(prompt_tokens_->Draw(choices_), words_);
  }
  if (!call.output_tokens && output_tokens_) call.output_tokens = output_tokens_->Draw(choices_);
  call.seed = static_cast<uint32_t>(choices_.Bits() >> 33);
  return call;
}

}  // namespace chorus::bench
