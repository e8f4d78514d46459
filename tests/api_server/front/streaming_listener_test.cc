#include "api_server/front/streaming_listener.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/graph/executor.h"
#include "tests/fakes/puppet_runner_client.h"

namespace chorus::gateway {
namespace {

constexpr char kPrompt[] = "Once é";

// Generators named n0, n1, …, each with the one whose text it continues (-1: the request's), and
// those that are scored, in the order of the reply.
struct Shape {
  std::vector<int> inputs;
  std::vector<int> scored;
  int num_sequences = 1;

  std::string ToString() const {
    return absl::StrCat("inputs ", absl::StrJoin(inputs, ","), " scored ",
                        absl::StrJoin(scored, ","), " n ", num_sequences);
  }
};

std::shared_ptr<const Graph> MakeGraph(const Shape& shape) {
  config::v1::Graph config;
  config.set_name("g");
  config.set_output("score");
  for (size_t i = 0; i < shape.inputs.size(); ++i) {
    config::v1::Node& node = *config.add_nodes();
    node.set_name(absl::StrCat("n", i));
    node.mutable_generate()->set_runner("writer");
    if (shape.inputs[i] >= 0)
      node.mutable_generate()->set_input(absl::StrCat("n", shape.inputs[i]));
  }
  config::v1::Node& score = *config.add_nodes();
  score.set_name("score");
  score.mutable_classify()->set_runner("scorer");
  for (const int node : shape.scored) score.mutable_classify()->add_inputs(absl::StrCat("n", node));
  auto graph = Graph::Create(config, {"writer", "scorer"});
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *std::move(graph);
}

// Up to five generators, anyhow: each leaf is scored, of the others some.
Shape RandomShape(std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<int>(random() % n); };
  Shape shape = {.num_sequences = 1 + below(3)};
  const int num_nodes = 1 + below(5);
  for (int i = 0; i < num_nodes; ++i) shape.inputs.push_back(below(static_cast<size_t>(i) + 1) - 1);
  for (int i = 0; i < num_nodes; ++i) {
    const bool leaf = std::find(shape.inputs.begin(), shape.inputs.end(), i) == shape.inputs.end();
    if (leaf || below(2) == 0) shape.scored.push_back(i);
  }
  std::shuffle(shape.scored.begin(), shape.scored.end(), random);
  return shape;
}

struct Streamed {
  std::map<uint32_t, std::string> texts;  // By index, after the prompt.
  std::map<uint32_t, uint32_t> num_tokens;
  std::optional<v1::DoneEvent> done;
};

// Takes what has come, perhaps put together, so that the reader's pace makes no difference.
void Drain(EventQueue& events, Streamed& streamed) {
  const EventQueue::Batch batch = events.Take();
  for (const v1::StreamEvent& event : batch.events) {
    if (event.has_done()) streamed.done = event.done();
    if (!event.has_token() || !event.token().has_index()) continue;
    streamed.texts[event.token().index()] += event.token().text();
    streamed.num_tokens[event.token().index()] += event.token().num_tokens();
  }
}

// Runs the graph once, the puppets' answers in an order and in pieces of chance, and holds what was
// streamed against the reply.
void ExpectTheStreamIsTheReply(const Shape& shape, std::mt19937& random) {
  SCOPED_TRACE(shape.ToString());
  auto writer = std::make_shared<PuppetRunnerClient>();
  auto scorer = std::make_shared<PuppetRunnerClient>();
  Executor executor({MakeGraph(shape)}, {{"writer", writer}, {"scorer", scorer}});
  auto events = std::make_shared<EventQueue>();
  auto listener = std::make_shared<StreamingListener>(events, /*explain=*/false,
                                                      std::make_shared<ReplyNotes>());
  std::optional<absl::StatusOr<std::vector<GraphResult>>> reply;
  RunRequest request = {.text = kPrompt};
  request.params.set_seed(7);
  request.params.set_num_return_sequences(static_cast<uint32_t>(shape.num_sequences));
  ASSERT_TRUE(executor
                  .RunGraph("g", std::move(request), {}, listener,
                            [&](auto results) { reply = std::move(results); })
                  .ok());
  Streamed streamed;
  uint32_t prompt_tokens = 0, generated_tokens = 0;
  std::vector<PuppetRunnerClient::GenerateCall> writing;
  while (true) {
    while (writer->num_generate_calls() > 0) writing.push_back(writer->TakeGenerate());
    while (scorer->num_classify_calls() > 0) scorer->TakeClassify().Finish(0.5);
    if (writing.empty()) break;
    auto call = writing.begin() + static_cast<int>(random() % writing.size());
    uint32_t num_tokens = 0;
    for (uint32_t pieces = random() % 3; pieces > 0; --pieces) {
      const uint32_t in_piece = 1 + random() % 2;
      num_tokens += in_piece;
      call->Write(absl::StrCat(" é", random() % 100), in_piece);
      if (random() % 2 == 0) Drain(*events, streamed);
    }
    v1::GenerationEnd end;
    end.set_prompt_tokens(static_cast<uint32_t>(call->request.text().size()));
    end.set_generated_tokens(num_tokens);
    prompt_tokens += end.prompt_tokens();
    generated_tokens += num_tokens;
    std::move(call->done)(std::move(end));
    writing.erase(call);
  }
  ASSERT_TRUE(reply.has_value() && reply->ok());
  listener->End((**reply)[0].seed);
  Drain(*events, streamed);
  ASSERT_EQ((*reply)->size(), shape.scored.size() * static_cast<size_t>(shape.num_sequences));
  for (uint32_t i = 0; i < (*reply)->size(); ++i) {
    EXPECT_EQ(kPrompt + streamed.texts[i], (**reply)[i].generated) << i;
    EXPECT_EQ(streamed.num_tokens[i], (**reply)[i].end.generated_tokens()) << i;
  }
  ASSERT_TRUE(streamed.done.has_value());
  EXPECT_EQ(streamed.done->prompt_tokens(), prompt_tokens);
  EXPECT_EQ(streamed.done->generated_tokens(), generated_tokens);
  EXPECT_EQ(streamed.done->seed(), 7u);
}

TEST(StreamingListenerTest, TheEventsOfAnIndexPutTogetherAreTheReplysText) {
  std::mt19937 random(1);
  const std::vector<Shape> shapes = {
      {.inputs = {-1, 0}, .scored = {0, 1}},                            // A chain, all scored,
      {.inputs = {-1, 0}, .scored = {1}},                               // and only its end.
      {.inputs = {-1, 0, 1, 2}, .scored = {3, 1}, .num_sequences = 2},  // A long one.
      {.inputs = {-1, 0, 0, -1}, .scored = {3, 2, 1}},                  // Two go on with one.
      {.inputs = {-1, 0, 0, 1, 2}, .scored = {4, 0, 3}, .num_sequences = 3},
  };
  for (const Shape& shape : shapes) ExpectTheStreamIsTheReply(shape, random);
  for (int i = 0; i < 200; ++i) ExpectTheStreamIsTheReply(RandomShape(random), random);
}

}  // namespace
}  // namespace chorus::gateway
