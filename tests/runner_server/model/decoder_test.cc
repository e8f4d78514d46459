// What must not matter: company in the batch, how a text is cut into passes, slots, threads, the
// stored type. Each compares to the bit. That the numbers are right is golden_test's business.
#include "runner_server/model/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "tests/parity/token_runs.h"
#include "tests/runner_server/model/executor_under_test.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

// Widths that fit no vector, panel or key block: head size 20, inner 130, vocabulary 203.
nlohmann::json OddConfig() {
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"n_embd", 60},
          {"n_head", 3},
          {"n_inner", 130},
          {"n_layer", 2},
          {"n_positions", 101},
          {"vocab_size", 203},
          {"bos_token_id", 7},
          {"eos_token_id", 9}};
}

Ids RandomIds(int length, int seed) {
  std::mt19937 random(seed);
  Ids ids(length);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % 203);
  return ids;
}

std::unique_ptr<LanguageModel> Load(const std::filesystem::path& directory, Precision precision,
                                    int num_threads = 1) {
  absl::StatusOr<LoadedModel> loaded =
      LoadModel(directory,
                UnderTest({.precision = precision, .num_threads = num_threads, .num_kv_slots = 8}));
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return std::get<std::unique_ptr<LanguageModel>>(std::move(loaded->model));
}

Logits Copy(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

// In every precision.
class DecoderTest : public testing::TestWithParam<Precision> {
 protected:
  DecoderTest() {
    WriteConfig(directory_.path(), OddConfig());
    WriteSafetensors(directory_.path() / "model.safetensors", RandomGpt2(OddConfig()));
    model_ = Load(directory_.path(), GetParam());
  }

  // As IsSame.
  testing::AssertionResult Same(const Logits& a, const Logits& b) const {
    return IsSame(*model_, GetParam(), a, b);
  }

  const TemporaryDirectory directory_{"decoder_test"};
  std::unique_ptr<LanguageModel> model_;
};

TEST_P(DecoderTest, TellsItsSizes) {
  EXPECT_EQ(model_->vocab_size(), 203);
  EXPECT_EQ(model_->context_size(), 101);
  EXPECT_EQ(model_->num_slots(), 8);
  EXPECT_EQ(model_->batch_invariant(), !TestsTorch());  // What the tests below show.
}

TEST_P(DecoderTest, DependsOnEveryToken) {
  const Ids ids = RandomIds(20, 1);
  const Logits logits = LogitsAfter(*model_, ids, 20);
  for (size_t i = 0; i < ids.size(); ++i) {
    Ids changed = ids;
    changed[i] = (changed[i] + 1) % 203;
    EXPECT_NE(LogitsAfter(*model_, changed, 20), logits) << "token " << i;
  }
}

TEST_P(DecoderTest, ChunkedAndCachedEqualWholeToTheBit) {
  for (const int length : {1, 2, 15, 16, 17, 50, 101}) {
    const Ids ids = RandomIds(length, length);
    const Logits whole = LogitsAfter(*model_, ids, length);
    for (const int chunk : {1, 2, 3, 7, 16, 33}) {
      EXPECT_TRUE(Same(LogitsAfter(*model_, ids, chunk), whole))
          << "length " << length << " chunk " << chunk;
    }
  }
}

TEST_P(DecoderTest, BatchedEqualsSingleToTheBit) {
  // Prefills, a chunk that goes on, single decode steps, and one that wants nothing.
  const std::vector<int> lengths = {1, 40, 17, 5, 64, 2, 100};
  const std::vector<int> starts = {0, 0, 16, 3, 50, 1, 99};
  std::vector<Ids> texts;
  Logits expected;
  for (size_t i = 0; i < lengths.size(); ++i) {
    texts.push_back(RandomIds(lengths[i], 100 + static_cast<int>(i)));
    if (i == 1) continue;
    const Logits alone = LogitsAfter(*model_, texts[i], lengths[i]);
    expected.insert(expected.end(), alone.begin(), alone.end());
  }
  std::vector<LanguageModel::Row> rows;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const int slot = 7 - static_cast<int>(i);
    if (starts[i] > 0)
      LogitsAfter(*model_, Ids(texts[i].begin(), texts[i].begin() + starts[i]), 9, slot);
    rows.push_back({.slot = slot,
                    .start = starts[i],
                    .tokens = std::span(texts[i]).subspan(starts[i]),
                    .wants_logits = i != 1});
  }
  EXPECT_TRUE(Same(Copy(model_->Forward(rows)), expected));
}

TEST_P(DecoderTest, GivesTheLogitsOfEveryTokenThatIsAskedFor) {
  const Ids text = RandomIds(30, 5), other = RandomIds(9, 6);
  Logits expected;
  const auto expect_after = [&](const Ids& ids, size_t size) {
    const Logits logits =
        LogitsAfter(*model_, Ids(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(size)), 101);
    expected.insert(expected.end(), logits.begin(), logits.end());
  };
  for (size_t size = 5; size <= text.size(); ++size) expect_after(text, size);
  expect_after(other, other.size());
  for (size_t size = 1; size <= other.size(); ++size) expect_after(other, size);
  LogitsAfter(*model_, Ids(text.begin(), text.begin() + 4), 4, /*slot=*/3);
  const std::vector<LanguageModel::Row> rows = {
      {.slot = 3,
       .start = 4,
       .tokens = std::span(text).subspan(4),
       .wants_logits = true,
       .wants_all_logits = true},
      {.slot = 1, .start = 0, .tokens = other, .wants_logits = true},
      {.slot = 2, .start = 0, .tokens = other, .wants_logits = false, .wants_all_logits = true}};
  EXPECT_TRUE(Same(Copy(model_->Forward(rows)), expected));
}

TEST_P(DecoderTest, TheLargestLogitsAreThoseOfAll) {
  if (!model_->cuts_logits()) GTEST_SKIP() << "it gives all";
  constexpr int kNumIds = 190;
  const std::vector<Ids> texts = {RandomIds(17, 1), RandomIds(1, 2), RandomIds(40, 3)};
  std::vector<LanguageModel::Row> rows;
  for (int i = 0; i < 3; ++i) {
    rows.push_back({.slot = i, .start = 0, .tokens = texts[i], .wants_logits = true});
    if (i != 1) rows.back().num_top = i + 4;
    rows.back().num_ids = kNumIds;
  }
  int num_calls = 0;
  const LanguageModel::Output output = model_->Run(rows, [&] { ++num_calls; });
  EXPECT_EQ(num_calls, 1);
  ASSERT_EQ(output.top.size(), 2u);
  const Logits second(output.logits.begin(), output.logits.end());
  for (int i = 0; i < 2; ++i) {
    const LanguageModel::TopLogits& top = output.top[i];
    const std::span<const float> all = model_->AllOfTop(i);
    ASSERT_EQ(all.size(), static_cast<size_t>(kNumIds));
    EXPECT_TRUE(std::ranges::is_sorted(top.ids));
    EXPECT_GE(std::ssize(top.ids), rows[2 * i].num_top);
    EXPECT_TRUE(top.is_finite);
    const float least = std::ranges::min(top.logits);
    double sum = 0;
    for (int id = 0; id < kNumIds; ++id) {
      sum += std::exp(double{all[id]});
      const auto at = std::ranges::find(top.ids, id);
      if (at == top.ids.end()) {
        EXPECT_LE(all[id], least);
      } else {
        EXPECT_EQ(top.logits[at - top.ids.begin()], all[id]);
      }
    }
    EXPECT_NEAR(top.log_sum_exp, std::log(sum), 1e-4);
    const Logits kept(all.begin(), all.end());
    Logits alone = LogitsAfter(*model_, texts[2 * i], 40, 4 + i);
    alone.resize(kNumIds);
    EXPECT_TRUE(Same(kept, alone));
    model_->Run(rows, [] {});  // The rows' logits again.
  }
  EXPECT_TRUE(Same(second, LogitsAfter(*model_, texts[1], 1, 4)));
}

TEST_P(DecoderTest, ASlotForgetsItsLastText) {
  const Ids ids = RandomIds(21, 3);
  const Logits fresh = LogitsAfter(*model_, ids, 21, /*slot=*/1);
  LogitsAfter(*model_, RandomIds(101, 4), 101, /*slot=*/2);
  EXPECT_TRUE(Same(LogitsAfter(*model_, ids, 21, /*slot=*/2), fresh));
}

TEST_P(DecoderTest, SlotsDoNotTouch) {
  const Ids ids = RandomIds(30, 5);
  const Logits expected = LogitsAfter(*model_, ids, 30);
  LogitsAfter(*model_, Ids(ids.begin(), ids.begin() + 29), 29, /*slot=*/3);
  for (const int other : {2, 4}) LogitsAfter(*model_, RandomIds(101, other), 101, other);
  const LanguageModel::Row row = {
      .slot = 3, .start = 29, .tokens = std::span(ids).subspan(29), .wants_logits = true};
  EXPECT_TRUE(Same(Copy(model_->Forward({&row, 1})), expected));
}

TEST_P(DecoderTest, ACopiedPrefixIsAsGoodAsOneThatRan) {
  const Ids ids = RandomIds(60, 11);
  const Logits expected = LogitsAfter(*model_, ids, 60);
  // The slots have held other texts, and the one that is copied from holds more than is copied.
  for (const int slot : {2, 5}) LogitsAfter(*model_, RandomIds(101, slot), 101, slot);
  LogitsAfter(*model_, ids, 60, /*slot=*/2);
  for (const int num_tokens : {1, 15, 16, 17, 40, 59}) {
    model_->CopyPrefix(/*from_slot=*/2, /*to_slot=*/5, num_tokens);
    const LanguageModel::Row row = {.slot = 5,
                                    .start = num_tokens,
                                    .tokens = std::span(ids).subspan(num_tokens),
                                    .wants_logits = true};
    EXPECT_TRUE(Same(Copy(model_->Forward({&row, 1})), expected)) << num_tokens;
  }
}

TEST_P(DecoderTest, ReleaseLeavesWhatIsKept) {
  const Ids ids = RandomIds(60, 12);
  const Logits expected = LogitsAfter(*model_, ids, 60);
  for (const int slot : {2, 3, 4}) LogitsAfter(*model_, ids, 59, slot);
  model_->Release(/*slot=*/3, /*num_kept_tokens=*/0);
  LogitsAfter(*model_, RandomIds(101, 13), 101, /*slot=*/5);
  LogitsAfter(*model_, Ids(ids.begin(), ids.begin() + 59), 59, /*slot=*/5);
  model_->Release(/*slot=*/5, /*num_kept_tokens=*/59);
  for (const int slot : {2, 4, 5}) {
    const LanguageModel::Row row = {
        .slot = slot, .start = 59, .tokens = std::span(ids).subspan(59), .wants_logits = true};
    EXPECT_TRUE(Same(Copy(model_->Forward({&row, 1})), expected)) << slot;
  }
  EXPECT_TRUE(Same(LogitsAfter(*model_, ids, 60, /*slot=*/3), expected));
}

TEST_P(DecoderTest, TellsWhatTheCacheCosts) {
  const int element_bytes = GetParam() == Precision::kFloat32 ? 4 : 2;
  const int value_size = TestsTorch() ? 20 : 32;  // The kernels pad values.
  EXPECT_EQ(model_->kv_memory().bytes_per_token, 2 * 3 * (20 + value_size) * element_bytes);
  EXPECT_GE(model_->kv_memory().block_tokens, 16);
}

TEST_P(DecoderTest, ThreadsDoNotChangeABit) {
  const Ids ids = RandomIds(70, 6);
  const Logits expected = LogitsAfter(*model_, ids, 70);
  for (const int num_threads : {2, 3, 5}) {
    const auto model = Load(directory_.path(), GetParam(), num_threads);
    EXPECT_TRUE(Same(LogitsAfter(*model, ids, 70), expected)) << num_threads;
    EXPECT_TRUE(Same(LogitsAfter(*model, ids, 1), expected)) << num_threads;
    for (int active = 1; active <= num_threads; ++active) {
      model->set_num_threads(active);
      EXPECT_TRUE(Same(LogitsAfter(*model, ids, 30), expected)) << active << " of " << num_threads;
    }
  }
}

TEST_P(DecoderTest, NamesMayHaveThePrefixAndStrays) {
  const Logits expected = LogitsAfter(*model_, RandomIds(9, 7), 9);
  std::vector<TestTensor> tensors = RandomGpt2(OddConfig());
  for (TestTensor& tensor : tensors) tensor.name = "transformer." + tensor.name;
  tensors.push_back({"transformer.h.0.attn.bias", {1, 1, 2, 2}, {1, 0, 1, 1}});
  tensors.push_back({"transformer.h.1.attn.masked_bias", {}, {-1e4f}});
  tensors.push_back({"lm_head.weight", tensors[0].shape, tensors[0].values});
  WriteSafetensors(directory_.path() / "model.safetensors", tensors);
  EXPECT_TRUE(
      Same(LogitsAfter(*Load(directory_.path(), GetParam()), RandomIds(9, 7), 9), expected));
}

// Finite weights, but so large at one position that what is made of them overflows. In no precision
// does the text from there on have a plausible logit, and no other text of the batch is harmed.
TEST_P(DecoderTest, AnOverflowIsSeenInTheLogits) {
  if (TestsTorch()) GTEST_SKIP() << "its layer norm makes 0 of what overflows in the variance";
  constexpr int kBad = 10;
  for (const float huge : {1e25f, -3e38f}) {
    std::vector<TestTensor> tensors = RandomGpt2(OddConfig());
    for (TestTensor& tensor : tensors) {
      if (tensor.name == "wpe.weight") tensor.values[kBad * 60 + 3] = huge;
    }
    WriteSafetensors(directory_.path() / "model.safetensors", tensors);
    const std::unique_ptr<LanguageModel> model = Load(directory_.path(), GetParam());
    const Ids ids = RandomIds(40, 1), others = RandomIds(kBad, 2);
    EXPECT_TRUE(Same(LogitsAfter(*model, others, kBad), LogitsAfter(*model_, others, kBad)));
    for (const int length : {kBad + 1, kBad + 2, 40}) {
      const Ids text(ids.begin(), ids.begin() + length);
      const std::vector<LanguageModel::Row> rows = {
          {.slot = 0, .start = 0, .tokens = text, .wants_logits = true},
          {.slot = 1, .start = 0, .tokens = others, .wants_logits = true}};
      const Logits logits = Copy(model->Forward(rows));
      for (int i = 0; i < 203; ++i) {
        EXPECT_FALSE(std::isfinite(logits[i])) << huge << " length " << length;
      }
      EXPECT_TRUE(
          Same(Logits(logits.begin() + 203, logits.end()), LogitsAfter(*model_, others, kBad)));
    }
  }
}

TEST_P(DecoderTest, UsesAHeadOfItsOwnWhenNotTied) {
  const Ids ids = RandomIds(9, 8);
  const Logits tied = LogitsAfter(*model_, ids, 9);
  nlohmann::json config = OddConfig();
  config["tie_word_embeddings"] = false;
  WriteConfig(directory_.path(), config);
  std::vector<TestTensor> tensors = RandomGpt2(config);
  // The head's rows are the embedding's in reverse order, so the logits are too.
  TestTensor head = {"lm_head.weight", {203, 60}, {}};
  for (int row = 202; row >= 0; --row) {
    const auto first = tensors[0].values.begin() + row * 60;
    head.values.insert(head.values.end(), first, first + 60);
  }
  tensors.push_back(head);
  WriteSafetensors(directory_.path() / "model.safetensors", tensors);
  EXPECT_TRUE(Same(LogitsAfter(*Load(directory_.path(), GetParam()), ids, 9),
                   Logits(tied.rbegin(), tied.rend())));
}

TEST_P(DecoderTest, TheStoredTypeOfEqualValuesDoesNotMatter) {
  // Multiples of 1/128 below 2: every type holds them.
  std::vector<TestTensor> tensors = RandomGpt2(OddConfig());
  for (TestTensor& tensor : tensors) {
    for (float& value : tensor.values) value = std::round(value * 128) / 128;
  }
  std::vector<Logits> logits;
  for (const char* dtype : {"F32", "F16", "BF16"}) {
    WriteSafetensors(directory_.path() / "model.safetensors", tensors, dtype);
    logits.push_back(LogitsAfter(*Load(directory_.path(), GetParam()), RandomIds(9, 9), 9));
  }
  EXPECT_TRUE(Same(logits[1], logits[0]));
  EXPECT_TRUE(Same(logits[2], logits[0]));
}

INSTANTIATE_TEST_SUITE_P(Precisions, DecoderTest, testing::ValuesIn(PrecisionsUnderTest()),
                         [](const auto& info) { return std::string(DtypeName(info.param)); });

}  // namespace
}  // namespace chorus::runner
