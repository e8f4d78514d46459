// What each precision costs in quality: one JSON line a model and precision, beside float32 on the
// same tokens.
//
//   quality --models ./gpt2 ./bert-sst2 --text book.txt --sst2 dev.tsv --gate
//
// A generator reads windows of the text, as many tokens as its context has, evenly spread, and
// predicts each token from those before it in the window. It decodes them one token a step, many
// windows at once. A classifier labels sentences of a file in SST-2's format. With --gate the exit
// status is 1 when a precision breaks its bounds.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "runner_server/tokenizer/load_tokenizer.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {
namespace {

using Ids = std::vector<int32_t>;
using Generators = std::vector<std::unique_ptr<LanguageModel>>;
using Classifiers = std::vector<std::unique_ptr<SequenceEncoder>>;

// float32 is the first of the precisions, and what the others are held against.
static_assert(kPrecisions[0] == Precision::kFloat32);

struct Flags {
  std::vector<std::string> models;
  std::vector<std::string> texts;
  std::string sst2;
  size_t max_tokens = 20000;
  int batch = 32;
  int threads = 2;
  bool markdown = false;
  bool gate = false;
};

// What a precision may cost. Perplexity alone would not show much: over 20,000 tokens int8's
// differs by chance about as far as measured. Divergence and agreement are near free of chance.
struct Bounds {
  double perplexity;          // Over float32's, as a share of it.
  double divergence;          // Nats a token.
  double disagreement;        // Share of the tokens of which another is the likeliest.
  double accuracy;            // Below float32's, as a share of the sentences.
  double probability_change;  // Of any label of any sentence.
};

constexpr int64_t kMaxTextBytes = int64_t{1} << 30;

// A few times what the demo models cost, so that a kernel that loses bits or a scale that is off
// breaks them; a model of another kind may rightly cost more.
constexpr Bounds kBounds[kNumPrecisions] = {
    {},
    {.perplexity = 0.0005,
     .divergence = 0.0001,
     .disagreement = 0.01,
     .accuracy = 0.005,
     .probability_change = 0.02},
    {.perplexity = 0.002,
     .divergence = 0.0015,
     .disagreement = 0.04,
     .accuracy = 0.005,
     .probability_change = 0.05},
    {.perplexity = 0.001,
     .divergence = 0.0005,
     .disagreement = 0.025,
     .accuracy = 0.005,
     .probability_change = 0.02},
};

// What logits say; they must outlive it.
struct Softmax {
  explicit Softmax(std::span<const float> logits) : logits(logits), probabilities(logits.size()) {
    const auto largest = std::max_element(logits.begin(), logits.end());
    likeliest = largest - logits.begin();
    double sum = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      sum += probabilities[i] = std::exp(double{logits[i]} - *largest);
    }
    for (double& probability : probabilities) probability /= sum;
    log_sum = *largest + std::log(sum);
  }

  std::span<const float> logits;
  std::vector<double> probabilities;
  size_t likeliest;
  double log_sum;  // ln(sum(exp(logits)))
};

// How one precision predicted the text.
class Prediction {
 public:
  // Counts a position: what was said of it, what float32 said, and the token that came.
  void Add(const Softmax& said, const Softmax& exact, int32_t next) {
    ++count_;
    surprise_ += said.log_sum - said.logits[next];
    same_ += said.likeliest == exact.likeliest;
    double logit_difference = 0;  // The mean one of exact and said, by exact's probabilities.
    for (size_t i = 0; i < exact.logits.size(); ++i) {
      const float error = exact.logits[i] - said.logits[i];
      logit_difference += exact.probabilities[i] * error;
      largest_error_ = std::max(largest_error_, std::abs(error));
      largest_logit_ = std::max(largest_logit_, std::abs(exact.logits[i]));
    }
    divergence_ += logit_difference - exact.log_sum + said.log_sum;
  }

  size_t count() const { return count_; }
  double perplexity() const { return std::exp(surprise_ / count_); }
  // KL(float32 || this), in nats a token.
  double divergence() const { return divergence_ / count_; }
  double agreement() const { return static_cast<double>(same_) / count_; }
  // Of a logit, as a share of the largest one.
  double largest_error() const { return largest_error_ / largest_logit_; }

 private:
  size_t count_ = 0, same_ = 0;
  double surprise_ = 0, divergence_ = 0;
  float largest_error_ = 0, largest_logit_ = 0;
};

// How one precision classified the sentences.
class Classification {
 public:
  void Add(const Softmax& said, const Softmax& exact, size_t label) {
    ++count_;
    right_ += said.likeliest == label;
    same_ += said.likeliest == exact.likeliest;
    for (size_t i = 0; i < exact.probabilities.size(); ++i) {
      const double change = said.probabilities[i] - exact.probabilities[i];
      largest_change_ = std::max(largest_change_, std::abs(change));
    }
  }

  size_t count() const { return count_; }
  double accuracy() const { return static_cast<double>(right_) / count_; }
  double agreement() const { return static_cast<double>(same_) / count_; }
  double largest_change() const { return largest_change_; }  // Of a label's probability.

 private:
  size_t count_ = 0, right_ = 0, same_ = 0;
  double largest_change_ = 0;
};

// Prints what was measured, and knows whether it keeps to the bounds.
class Report {
 public:
  explicit Report(bool markdown) : markdown_(markdown) {}

  bool within_bounds() const { return within_bounds_; }

  void Print(const std::string& model, const std::vector<Prediction>& predictions) {
    PrintHeader(kPredictionHeader);
    for (int i = 0; i < kNumPrecisions; ++i) {
      const Prediction& it = predictions[i];
      const double over = it.perplexity() / predictions[0].perplexity() - 1;
      const Bounds& bounds = kBounds[i];
      const bool within = Judge(over <= bounds.perplexity && it.divergence() <= bounds.divergence &&
                                    1 - it.agreement() <= bounds.disagreement,
                                model, i);
      if (markdown_) {
        std::printf("| %s | %s | %.2f | %+.2f %% | %.5f | %.2f %% | %.2f %% |\n", Name(model),
                    Dtype(i).c_str(), it.perplexity(), over * 100, it.divergence(),
                    it.agreement() * 100, it.largest_error() * 100);
      } else {
        std::printf(
            "{\"kernels\": \"%s\", \"model\": \"%s\", \"dtype\": \"%s\", \"tokens\": %zu, "
            "\"perplexity\": %.4f, \"over_float32\": %.5f, \"kl_divergence\": %.6f, "
            "\"agreement\": %.5f, \"largest_logit_error\": %.5f, \"within_bounds\": %s}\n",
            Kernels().name, model.c_str(), Dtype(i).c_str(), it.count(), it.perplexity(), over,
            it.divergence(), it.agreement(), it.largest_error(), within ? "true" : "false");
      }
    }
  }

  void Print(const std::string& model, const std::vector<Classification>& classifications) {
    PrintHeader(kClassificationHeader);
    for (int i = 0; i < kNumPrecisions; ++i) {
      const Classification& it = classifications[i];
      const bool within =
          Judge(classifications[0].accuracy() - it.accuracy() <= kBounds[i].accuracy &&
                    it.largest_change() <= kBounds[i].probability_change,
                model, i);
      if (markdown_) {
        std::printf("| %s | %s | %.2f %% | %.2f %% | %.4f |\n", Name(model), Dtype(i).c_str(),
                    it.accuracy() * 100, it.agreement() * 100, it.largest_change());
      } else {
        std::printf(
            "{\"kernels\": \"%s\", \"model\": \"%s\", \"dtype\": \"%s\", \"sentences\": %zu, "
            "\"accuracy\": %.5f, \"agreement\": %.5f, \"largest_probability_change\": %.5f, "
            "\"within_bounds\": %s}\n",
            Kernels().name, model.c_str(), Dtype(i).c_str(), it.count(), it.accuracy(),
            it.agreement(), it.largest_change(), within ? "true" : "false");
      }
    }
  }

 private:
  static constexpr char kPredictionHeader[] =
      "| model | dtype | perplexity | over float32's | KL divergence, nats a token "
      "| same likeliest token | largest error of a logit |\n|---|---|---|---|---|---|---|";
  static constexpr char kClassificationHeader[] =
      "| model | dtype | accuracy | same label | largest change of a probability |\n"
      "|---|---|---|---|---|";

  // Above the first row of a table.
  void PrintHeader(const char* header) {
    if (markdown_ && header != header_) {
      std::printf("%s%s\n", header_ == nullptr ? "" : "\n", header);
    }
    header_ = header;
  }
  static const char* Name(const std::string& model) {
    return model.c_str() + model.find_last_of('/') + 1;
  }
  static std::string Dtype(int index) { return std::string(DtypeName(kPrecisions[index])); }
  // Says on stderr what is not within its bounds.
  bool Judge(bool within, const std::string& model, int index) {
    within_bounds_ = within_bounds_ && within;
    if (!within) {
      std::fprintf(stderr, "quality: %s breaks the bounds of %s\n", model.c_str(),
                   Dtype(index).c_str());
    }
    return within;
  }

  const bool markdown_;
  const char* header_ = nullptr;  // Of the table that is open.
  bool within_bounds_ = true;
};

// As many windows of `length` ids, evenly spread over the texts, as predict at most `max_tokens`.
absl::StatusOr<std::vector<Ids>> ReadWindows(const Flags& flags, const Tokenizer& tokenizer,
                                             size_t length) {
  Ids ids;
  for (const std::string& path : flags.texts) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxTextBytes));
    ASSIGN_OR_RETURN(const Ids more, tokenizer.Encode(text, /*split_special_tokens=*/false));
    ids.insert(ids.end(), more.begin(), more.end());
  }
  const size_t count = std::min(flags.max_tokens / (length - 1), ids.size() / length);
  if (count == 0) {
    return absl::InvalidArgumentError(absl::StrCat("--text and --max_tokens must be at least ",
                                                   length, " tokens: ", ids.size(), " and ",
                                                   flags.max_tokens));
  }
  std::vector<Ids> windows;
  for (size_t i = 0; i < count; ++i) {
    const auto first = ids.begin() + i * (ids.size() / count);
    windows.emplace_back(first, first + length);
  }
  return windows;
}

absl::Status Measure(const Flags& flags, const std::string& path, const Tokenizer& tokenizer,
                     const Generators& models, Report& report) {
  const size_t length = models[0]->context_size();
  const size_t vocab_size = models[0]->vocab_size();
  ASSIGN_OR_RETURN(const std::vector<Ids> windows, ReadWindows(flags, tokenizer, length));
  std::vector<Prediction> predictions(kNumPrecisions);
  for (size_t first = 0; first < windows.size(); first += flags.batch) {
    const size_t batch = std::min<size_t>(flags.batch, windows.size() - first);
    for (size_t t = 0; t + 1 < length; ++t) {
      std::vector<LanguageModel::Row> rows;
      for (size_t i = 0; i < batch; ++i) {
        rows.push_back({.slot = static_cast<int>(i),
                        .start = static_cast<int>(t),
                        .tokens = {&windows[first + i][t], 1},
                        .wants_logits = true});
      }
      std::vector<std::span<const float>> logits;  // Each model's, [batch, vocab_size].
      for (const auto& model : models) logits.push_back(model->Forward(rows));
      for (size_t i = 0; i < batch; ++i) {
        const auto read = [&](int m) {
          return Softmax(logits[m].subspan(i * vocab_size, vocab_size));
        };
        const Softmax exact = read(0);
        const int32_t next = windows[first + i][t + 1];
        predictions[0].Add(exact, exact, next);
        for (int m = 1; m < kNumPrecisions; ++m) predictions[m].Add(read(m), exact, next);
      }
    }
  }
  report.Print(path, predictions);
  return absl::OkStatus();
}

struct LabelledSentence {
  Ids ids;
  size_t label;
};

// Lines of "sentence<tab>label" under a header; a label is its index.
absl::StatusOr<std::vector<LabelledSentence>> ReadSentences(const std::string& path,
                                                            const Tokenizer& tokenizer,
                                                            const SequenceEncoder& model) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxTextBytes));
  std::vector<LabelledSentence> sentences;
  for (size_t begin = text.find('\n') + 1, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    const size_t tab = line.find('\t');
    const size_t label = tab == line.npos ? line.npos : line[tab + 1] - '0';
    if (label >= model.labels().size()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": not a sentence and a label: ", line));
    }
    ASSIGN_OR_RETURN(Ids ids,
                     tokenizer.Encode(line.substr(0, tab), /*split_special_tokens=*/false));
    sentences.push_back({std::move(ids), label});
    tokenizer.Truncate(sentences.back().ids, model.context_size());
  }
  if (sentences.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no sentence under the header"));
  }
  return sentences;
}

absl::Status Measure(const Flags& flags, const std::string& path, const Tokenizer& tokenizer,
                     const Classifiers& models, Report& report) {
  ASSIGN_OR_RETURN(const std::vector<LabelledSentence> sentences,
                   ReadSentences(flags.sst2, tokenizer, *models[0]));
  std::vector<Classification> classifications(kNumPrecisions);
  for (const LabelledSentence& sentence : sentences) {
    const SequenceEncoder::Row row(sentence.ids);
    const Softmax exact(models[0]->Forward({&row, 1}));
    classifications[0].Add(exact, exact, sentence.label);
    for (int m = 1; m < kNumPrecisions; ++m) {
      classifications[m].Add(Softmax(models[m]->Forward({&row, 1})), exact, sentence.label);
    }
  }
  report.Print(path, classifications);
  return absl::OkStatus();
}

absl::Status MeasureModel(const Flags& flags, const std::string& path, Report& report) {
  Generators generators;
  Classifiers classifiers;
  std::unique_ptr<Tokenizer> tokenizer;
  for (const Precision precision : kPrecisions) {
    ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(path, {.precision = precision,
                                                          .num_threads = flags.threads,
                                                          .num_kv_slots = flags.batch}));
    ASSIGN_OR_RETURN(tokenizer, LoadTokenizer(path));
    if (auto* generator = std::get_if<std::unique_ptr<LanguageModel>>(&loaded.model)) {
      generators.push_back(std::move(*generator));
    } else {
      classifiers.push_back(std::get<std::unique_ptr<SequenceEncoder>>(std::move(loaded.model)));
    }
  }
  return generators.empty() ? Measure(flags, path, *tokenizer, classifiers, report)
                            : Measure(flags, path, *tokenizer, generators, report);
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What each precision costs in quality.");
  app.add_option("--models", flags.models, "Hugging Face directories")->required();
  app.add_option("--text", flags.texts, "Plain text that generators predict");
  app.add_option("--sst2", flags.sst2, "Labelled sentences, as SST-2's dev.tsv, for classifiers");
  app.add_option("--max_tokens", flags.max_tokens, "Tokens of the text to predict");
  app.add_option("--batch", flags.batch, "Windows decoded at once")->check(CLI::Range(1, 1024));
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 1024));
  app.add_flag("--markdown", flags.markdown, "Print tables");
  app.add_flag("--gate", flags.gate, "Exit with 1 when a precision breaks its bounds");
  CLI11_PARSE(app, argc, argv);
  Report report(flags.markdown);
  for (const std::string& model : flags.models) {
    if (const absl::Status status = MeasureModel(flags, model, report); !status.ok()) {
      std::fprintf(stderr, "quality: %s\n", status.ToString().c_str());
      return 2;
    }
    std::fflush(stdout);
  }
  return flags.gate && !report.within_bounds() ? 1 : 0;
}

}  // namespace
}  // namespace chorus::runner

int main(int argc, char** argv) { return chorus::runner::Main(argc, argv); }
