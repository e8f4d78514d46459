#include "runner_server/engine/embed_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_details.h"
#include "tests/runner_server/engine/fake_encoder.h"
#include "tests/runner_server/engine/fake_tokenizer.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

std::vector<float> Embed(const EmbedTask& task, const std::vector<float>& vector,
                         std::optional<bool> normalize, uint32_t dimensions = 0) {
  EmbedTask::Request request;
  if (normalize) request.set_normalize(*normalize);
  request.set_dimensions(dimensions);
  EmbedTask::Result result;
  task.FillResult(request, vector, result);
  return {result.values().begin(), result.values().end()};
}

TEST(EmbedTask, ScalesAsTheModelOrTheCallSays) {
  const FakeEncoder plain(EmbeddingHead{});
  const EmbedTask as_is(plain);
  EXPECT_THAT(Embed(as_is, {3, -4}, std::nullopt), ElementsAre(3, -4));
  EXPECT_THAT(Embed(as_is, {3, -4}, true), ElementsAre(FloatEq(0.6f), FloatEq(-0.8f)));
  const FakeEncoder normalizing(EmbeddingHead{.normalizes = true});
  const EmbedTask scaled(normalizing);
  EXPECT_THAT(Embed(scaled, {3, -4}, std::nullopt), ElementsAre(FloatEq(0.6f), FloatEq(-0.8f)));
  EXPECT_THAT(Embed(scaled, {3, -4}, false), ElementsAre(3, -4));
  EXPECT_THAT(Embed(scaled, {0, 0}, std::nullopt), ElementsAre(0, 0));  // And no division by 0.
}

TEST(EmbedTask, CutsAndThenScales) {
  const FakeEncoder model(EmbeddingHead{.normalizes = true});
  const EmbedTask task(model);
  EXPECT_THAT(Embed(task, {3, -4}, std::nullopt, 1), ElementsAre(1));
  EXPECT_THAT(Embed(task, {3, -4}, false, 1), ElementsAre(3));
  EXPECT_THAT(Embed(task, {3, -4}, false, 2), ElementsAre(3, -4));
}

TEST(EmbedTask, TellsWhatItsVectorsAre) {
  const FakeEncoder model(EmbeddingHead{.pooling = Pooling::kPooler, .normalizes = true});
  const EmbedTask task(model);
  runner::v1::GetModelInfoResponse info;
  task.FillInfo(info);
  EXPECT_EQ(info.task(), runner::v1::TASK_EMBED);
  EXPECT_EQ(info.dimensions(), 2u);
  EXPECT_EQ(info.pooling(), chorus::v1::POOLING_POOLER);
  EXPECT_TRUE(info.normalized());
  EmbedTask::Request request;
  request.set_normalize(false);
  EmbedTask::Response response;
  task.FillResponse(request, response);
  EXPECT_EQ(response.pooling(), chorus::v1::POOLING_POOLER);
  EXPECT_FALSE(response.normalized());
}

TEST(EmbedTask, MakesOfATextWhatTheModelIsToRead) {
  const FakeEncoder plain(EmbeddingHead{});
  EXPECT_EQ(EmbedTask(plain).FormText(" A "), " A ");
  const FakeEncoder prompted(
      EmbeddingHead{.text = {.prompt = " Query: ", .strips = true, .lowers = true}});
  const EmbedTask task(prompted);
  EXPECT_EQ(task.FormText(" A\t"), "query:  a");
  EXPECT_EQ(task.FormText(""), "query:");
  runner::v1::GetModelInfoResponse info;
  task.FillInfo(info);
  EXPECT_EQ(info.prompt(), " Query: ");
}

// A frame of one token before a text, and of as many behind it as is said.
class FramingTokenizer : public FakeTokenizer {
 public:
  explicit FramingTokenizer(int num_behind) : num_behind_(num_behind) {}
  absl::StatusOr<Encoding> EncodeInput(std::string_view text, std::optional<std::string_view>,
                                       bool split, size_t max_tokens) const override {
    std::vector<int32_t> ids = Encode(text, split).value();
    ids.resize(std::min(ids.size(), max_tokens - 1 - num_behind_));
    ids.insert(ids.begin(), kEnd);
    ids.insert(ids.end(), num_behind_, kEnd);
    return Encoding{.ids = ids, .type_ids = {}, .full_size = ids.size()};
  }

 private:
  const int num_behind_;
};

// As sentence-transformers' _get_prompt_length.
TEST(EmbedTask, CountsTheTokensOfAPrompt) {
  const FakeEncoder pooled(EmbeddingHead{.text = {.prompt = "abc "}});
  EXPECT_EQ(EmbedTask(pooled).NumUnpooled(FramingTokenizer(1), 16).value(), 0);
  const FakeEncoder without(EmbeddingHead{.pools_prompt = false});
  EXPECT_EQ(EmbedTask(without).NumUnpooled(FramingTokenizer(1), 16).value(), 0);
  const FakeEncoder model(
      EmbeddingHead{.text = {.prompt = "abc ", .strips = true}, .pools_prompt = false});
  const EmbedTask task(model);
  EXPECT_EQ(task.NumUnpooled(FramingTokenizer(1), 16).value(), 4);
  EXPECT_EQ(task.NumUnpooled(FramingTokenizer(0), 16).value(), 4);
  EXPECT_EQ(task.NumUnpooled(FramingTokenizer(1), 3).value(), 2);
  EXPECT_EQ(task.NumUnpooled(FakeTokenizer(), 16).value(), 3);
}

// A model with vectors as long as they come.
class WideEncoder : public SequenceEncoder {
 public:
  int vocab_size() const override { return 1; }
  int context_size() const override { return 1; }
  int num_token_types() const override { return 1; }
  const Head& head() const override { return head_; }
  int num_values() const override { return 4096; }
  bool batch_invariant() const override { return true; }
  void set_num_threads(int) override {}
  std::span<const float> Forward(std::span<const Row>) override { return {}; }

 private:
  const Head head_ = EmbeddingHead{};
};

TEST(EmbedTask, BoundsItsReplies) {
  const WideEncoder model;
  const EmbedTask task(model);
  EmbedTask::Request request;
  for (int i = 0; i < 512; ++i) request.add_texts("a");
  EXPECT_TRUE(task.Check(request).ok());
  request.add_texts("a");
  EXPECT_THAT(std::string(task.Check(request).message()),
              HasSubstr("513 texts of 4096 dimensions make 2101248 numbers"));
  request.set_dimensions(4088);
  EXPECT_TRUE(task.Check(request).ok());
  request.set_dimensions(4097);
  EXPECT_EQ(task.Check(request),
            FieldError("dimensions", "must be at most the model's 4096: 4097"));
}

}  // namespace
}  // namespace chorus::runner
