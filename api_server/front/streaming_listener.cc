#include "api_server/front/streaming_listener.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "api_server/front/inference_messages.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {
namespace {

template <typename Event>
void SetId(const TextId& id, Event& event) {
  if (id.index.has_value()) event.set_index(static_cast<uint32_t>(*id.index));
  event.set_branch(id.branch);
}

}  // namespace

void UsageListener::CountTokens(uint32_t num_tokens) {
  if (num_tokens == 0) return;
  notes_->usage.Update([&](CallUsage& usage) {
    if (usage.generated_tokens == 0) usage.first_token_time = absl::Now() - began_at_;
    usage.generated_tokens += num_tokens;
  });
}

void UsageListener::OnGenerated(const TextId&, const GraphResult& text) {
  notes_->usage.Update([&](CallUsage& usage) {
    usage.prompt_tokens += text.end.prompt_tokens();
    usage.queue_time =
        std::max(usage.queue_time, std::optional(absl::Seconds(text.end.timing().queue_seconds())));
  });
}

void StreamingListener::OnText(const TextId& id, v1::TextDelta delta) {
  CountTokens(delta.num_tokens());
  v1::StreamEvent event;
  v1::TokenEvent& token = *event.mutable_token();
  SetId(id, token);
  token.set_text(std::move(*delta.mutable_text()));
  token.set_num_tokens(delta.num_tokens());
  if (!delta.logprobs().empty()) {
    token.mutable_logprobs()->mutable_tokens()->Swap(delta.mutable_logprobs());
  }
  if (!delta.prompt_logprobs().empty()) {
    token.mutable_prompt_logprobs()->mutable_tokens()->Swap(delta.mutable_prompt_logprobs());
  }
  events_->Push(std::move(event));
}

void StreamingListener::OnGenerated(const TextId& id, const GraphResult& text) {
  UsageListener::OnGenerated(id, text);
  prompt_tokens_ += text.end.prompt_tokens();
  generated_tokens_ += text.end.generated_tokens();
  if (DependOnBatch({&text, 1})) depends_on_batch_ = true;
  v1::StreamEvent event;
  v1::TokenEvent& token = *event.mutable_token();
  SetId(id, token);
  token.set_text("");
  token.set_num_tokens(0);
  token.set_finish_reason(text.end.reason());
  events_->Push(std::move(event));
}

void StreamingListener::OnScored(const TextId& id, const GraphResult& text) {
  v1::StreamEvent event;
  v1::ScoreEvent& score = *event.mutable_score();
  SetId(id, score);
  if (DependOnBatch({&text, 1})) depends_on_batch_ = true;
  const v1::Classification result = ToProto(text.classification, 0);
  score.set_score(result.score());
  score.set_label(result.label());
  score.set_classified_tokens(result.num_tokens());
  score.set_truncated(result.truncated());
  FillKind(text.classification, score);
  if (explain_) *score.mutable_timing() = TimingOf(text);
  events_->Push(std::move(event));
}

void StreamingListener::End(uint64_t seed) {
  v1::StreamEvent event;
  v1::DoneEvent& done = *event.mutable_done();
  done.set_prompt_tokens(prompt_tokens_);
  done.set_generated_tokens(generated_tokens_);
  done.set_seed(seed);
  if (depends_on_batch_) done.set_bits(v1::BITS_PER_BATCH_SHAPE);
  events_->Push(std::move(event));
  events_->End(absl::OkStatus());
}

}  // namespace chorus::gateway
