#include "runner_server/scheduler/micro_batcher.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runner_server/scheduler/still_wanted.h"

namespace chorus::runner {

absl::StatusOr<std::unique_ptr<MicroBatcher>> MicroBatcher::Create(const Options& options) {
  if (options.max_batch_tokens < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_batch_tokens must be at least 1: ", options.max_batch_tokens));
  }
  if (options.max_batch_rows < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_batch_rows must be at least 1: ", options.max_batch_rows));
  }
  return std::unique_ptr<MicroBatcher>(new MicroBatcher(options));
}

void MicroBatcher::Add(TextCall call) {
  assert(!call.rows.empty());
  auto waiting = std::make_unique<WaitingCall>();
  waiting->call = std::move(call);
  Queue& queue = waiting->call.underway ? underway_ : others_;
  queue.push_back(std::move(waiting));
}

Batch MicroBatcher::Form(absl::Time now) {
  Batch batch;
  DropUnwanted(now, batch);
  bool others_had_turn = others_.empty();
  while (HasWork()) {
    Queue& queue = NextQueue(batch);
    WaitingCall& waiting = *queue.front();
    const int num_tokens = static_cast<int>(waiting.call.rows[waiting.next_row].ids.size());
    // Nothing overtakes the row that does not fit, or long rows could wait for ever.
    if (std::ssize(batch.rows) == options_.max_batch_rows) {
      batch.limited_by = StepLimit::kSlots;
      break;
    }
    if (!batch.rows.empty() && batch.num_tokens + num_tokens > options_.max_batch_tokens) {
      batch.limited_by = StepLimit::kTokens;
      break;
    }
    TakeRow(waiting, batch);
    others_had_turn |= !waiting.call.underway;
    auto turn = std::move(queue.front());
    queue.pop_front();
    if (turn->next_row < turn->call.rows.size()) queue.push_back(std::move(turn));
  }
  passed_over_ = !others_had_turn;
  std::stable_sort(batch.rows.begin(), batch.rows.end(), [](const BatchRow& a, const BatchRow& b) {
    return a.tokens.ids.size() < b.tokens.ids.size();
  });
  return batch;
}

MicroBatcher::Queue& MicroBatcher::NextQueue(const Batch& batch) {
  if (underway_.empty()) return others_;
  return passed_over_ && batch.rows.empty() && !others_.empty() ? others_ : underway_;
}

void MicroBatcher::DropUnwanted(absl::Time now, Batch& batch) {
  const auto drop = [&](const auto& waiting) {
    const TextCall& call = waiting->call;
    absl::Status status = CheckStillWanted(call.stop, call.deadline, now);
    if (status.ok()) return false;
    batch.dropped.push_back({call.id, std::move(status)});
    return true;
  };
  std::erase_if(underway_, drop);
  std::erase_if(others_, drop);
}

void MicroBatcher::TakeRow(WaitingCall& waiting, Batch& batch) const {
  const size_t index = waiting.next_row++;
  Encoding tokens = std::move(waiting.call.rows[index]);
  waiting.call.ticket.Release({.sequences = 1, .tokens = std::ssize(tokens.ids)});
  batch.num_tokens += static_cast<int>(tokens.ids.size());
  batch.rows.push_back({waiting.call.id, static_cast<int>(index), std::move(tokens)});
}

void MicroBatcher::Remove(uint64_t id) {
  for (Queue* queue : {&underway_, &others_}) {
    std::erase_if(*queue, [id](const auto& waiting) { return waiting->call.id == id; });
  }
}

std::vector<uint64_t> MicroBatcher::RemoveAll() {
  std::vector<uint64_t> ids;
  for (Queue* queue : {&underway_, &others_}) {
    for (const auto& waiting : *queue) ids.push_back(waiting->call.id);
    queue->clear();
  }
  return ids;
}

}  // namespace chorus::runner
