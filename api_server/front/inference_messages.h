#pragma once

// Converts results of runs to messages of chorus.v1.
//
// Thread safety: free functions without state.

#include <span>
#include <string_view>
#include <vector>

#include "api_server/front/call.h"
#include "api_server/graph/executor.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

// The classification of text `index`.
v1::Classification ToProto(const runner::v1::ClassifyResponse& answer, int index);
v1::TokenizeResponse ToProto(runner::v1::TokenizeResponse answer);
v1::EmbedResponse ToProto(runner::v1::EmbedResponse answer, bool in_bytes);
v1::Graph ToProto(const GraphStatus& status);

// Tells a ClassifyResponse, ScoredText or ScoreEvent what the scores of `answer` are.
template <typename Proto>
void FillKind(const runner::v1::ClassifyResponse& answer, Proto& proto) {
  if (answer.score_kind() != v1::SCORE_KIND_UNSPECIFIED) proto.set_score_kind(answer.score_kind());
  if (answer.untrained_head()) proto.set_untrained_head(true);
}

// `text` has ended; includes the score's time if it is scored.
v1::Timing TimingOf(const GraphResult& text);

// `request_id` as ToErrorEvent's.
v1::ScoredText ToScoredText(GraphResult result, bool details, bool explain,
                            std::string_view request_id);

// `results` are the texts of one model; at least one.
v1::GenerateResponse ToGenerateResponse(std::vector<GraphResult> results,
                                        const v1::GenerateRequest& request);

// Whether the seed makes one of these texts, or its score, only nearly again.
bool DependOnBatch(std::span<const GraphResult> results);

// The usage of these texts.
CallUsage UsageOf(const std::vector<GraphResult>& results);

// Fills the header fields and usage for these texts.
void FillNotes(const std::vector<GraphResult>& results, bool explain, ReplyNotes& notes);

}  // namespace chorus::gateway
