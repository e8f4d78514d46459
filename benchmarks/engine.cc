// Tokens a second of one model without a server around it: one JSON line a measurement.
//
//   engine --model ./gpt2 --dtypes bfloat16,int8 --threads 2
//
// A generator decodes 123 tokens after a prompt of --prompt at each batch size, the likeliest each
// time, and prefills prompts of each length. A classifier classifies batches of texts of each
// length. The first run of each is not counted; then the median of --runs counts.
//
// With --turns it is asked for its runs instead, so that several engines can take turns (run.py).

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/generation_params.h"
#include "base/status_macros.h"
#include "benchmarks/measure.h"
#include "runner_server/kernels/kernel_table.h"
#include "runner_server/kernels/thread_pool.h"
#include "runner_server/model/dtype.h"
#include "runner_server/model/find_executor.h"
#include "runner_server/model/load_model.h"
#include "runner_server/sampling/counter_rng.h"
#include "runner_server/sampling/sampler.h"

namespace chorus::runner {
namespace {

using Ids = std::vector<int32_t>;

constexpr int kNewTokens = 123;

struct Flags {
  std::string model;
  std::vector<std::string> dtypes = {"auto"};
  std::string executor = "auto", device = "cpu", native_code;
  int threads = 2;
  int runs = 5;
  bool sample = false;
  int prompt = 5;  // Tokens before those that are decoded.
  std::vector<int> batches = {1, 8, 16, 32, 64};
  std::vector<int> prefills = {16, 128, 512};
  std::vector<int> lengths = {16, 128, 512};       // Of texts to classify,
  std::vector<int> classify_batches = {1, 8, 32};  // so many at a time,
  bool mixed = false;                              // the i-th of n i/n as long.
  bool turns = false;
};

Ids MakeIds(int length, int seed, int vocab_size) {
  Ids ids(length);
  for (int i = 0; i < length; ++i) ids[i] = (seed * 7919 + i * 104729 + 12345) % vocab_size;
  return ids;
}

class Report {
 public:
  Report(const Flags& flags, std::string dtype) : flags_(flags), dtype_(std::move(dtype)) {}

  // `amount` of `unit` took so long.
  void Print(const char* what, int length, int batch, double seconds, const char* unit,
             double amount) const {
    std::printf(
        "{\"engine\": \"chorus\", \"kernels\": \"%s\", \"model\": \"%s\", \"dtype\": \"%s\", "
        "\"threads\": %d, \"what\": \"%s\", \"length\": %d, \"batch\": %d, \"seconds\": %.6f, "
        "\"%s\": %.1f, \"rss_mib\": %.0f}\n",
        flags_.executor == "torch" ? "libtorch" : Kernels().name, flags_.model.c_str(),
        dtype_.c_str(), flags_.threads, what, length, batch, seconds, unit, amount / seconds,
        RssMib());
    std::fflush(stdout);
  }

 private:
  const Flags& flags_;
  const std::string dtype_;
};

// The runs that can be asked of a model.
class Bench {
 public:
  Bench(const Flags& flags, LoadedModel& loaded)
      : flags_(flags), pool_(flags.threads), samplers_(flags.threads) {
    if (auto* generator = std::get_if<std::unique_ptr<LanguageModel>>(&loaded.model)) {
      generator_ = generator->get();
    } else {
      classifier_ = std::get<std::unique_ptr<SequenceEncoder>>(loaded.model).get();
    }
  }

  bool generates() const { return generator_ != nullptr; }
  int context_size() const {
    return generates() ? generator_->context_size() : classifier_->context_size();
  }

  // `batch` texts take a slot each, and get `new_tokens` tokens each, as an engine chooses them:
  // from the largest logits where the device finds those.
  void Decode(int new_tokens, int batch) {
    std::vector<Ids> texts;
    for (int i = 0; i < batch; ++i) texts.push_back(Tokens(flags_.prompt, i));
    chorus::v1::GenerationParams params = DefaultParams();
    params.set_do_sample(flags_.sample);
    const int vocab_size = generator_->vocab_size();
    const int num_top =
        generator_->cuts_logits() ? std::min(NumTopNeeded(params, flags_.prompt), vocab_size) : 0;
    int held = 0;
    for (int step = 0; step < new_tokens; ++step) {
      std::vector<LanguageModel::Row> rows;
      for (int i = 0; i < batch; ++i) {
        rows.push_back({.slot = i,
                        .start = held,
                        .tokens = std::span(texts[i]).subspan(held),
                        .wants_logits = true,
                        .num_top = num_top,
                        .num_ids = vocab_size});
      }
      held = static_cast<int>(texts[0].size());
      const LanguageModel::Output output = generator_->Run(rows, [] {});
      const auto random = [&](int i) {
        return UniformAt(0, static_cast<uint32_t>(i), 0, texts[i].size());
      };
      std::vector<int32_t> chosen(batch, -1);
      pool_.Run(batch, [&](int thread, int begin, int end) {
        for (int i = begin; i < end; ++i) {
          chosen[i] = Choose(samplers_[thread], output, i, num_top, texts[i], params, random(i));
        }
      });
      for (int i = 0; i < batch; ++i) {
        if (chosen[i] < 0) {  // It depends on more than the largest.
          chosen[i] = samplers_[0].Sample(generator_->AllOfTop(i), texts[i], params, random(i));
        }
        texts[i].push_back(chosen[i]);
      }
    }
  }

  void Prefill(int length) {
    const Ids ids = Tokens(length, 1);
    const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
    generator_->Forward({&row, 1});
  }

  void Classify(int length, int batch) {
    std::vector<Ids> texts;
    for (int i = 0; i < batch; ++i) {
      const int size = flags_.mixed ? std::max(2, length * (i + 1) / batch) : length;
      texts.push_back(Tokens(size, i));
    }
    const std::vector<SequenceEncoder::Row> rows(texts.begin(), texts.end());
    classifier_->Forward(rows);
  }

 private:
  // The token of the i-th row, -1 if its largest logits do not tell it.
  int32_t Choose(Sampler& sampler, const LanguageModel::Output& output, int i, int num_top,
                 const Ids& text, const chorus::v1::GenerationParams& params, double random) const {
    const size_t vocab_size = generator_->vocab_size();
    if (num_top == 0) {
      return sampler.Sample(output.logits.subspan(i * vocab_size, vocab_size), text, params,
                            random);
    }
    const LanguageModel::TopLogits& top = output.top[i];
    return sampler
        .SampleTop(top.ids, top.logits, top.ids.size() == vocab_size, text, params, random)
        .value_or(-1);
  }

  Ids Tokens(int length, int seed) const {
    return MakeIds(length, seed,
                   generates() ? generator_->vocab_size() : classifier_->vocab_size());
  }

  const Flags& flags_;
  LanguageModel* generator_ = nullptr;  // One of both.
  SequenceEncoder* classifier_ = nullptr;
  ThreadPool pool_;  // As an engine's.
  std::vector<Sampler> samplers_;
};

void MeasureAll(const Flags& flags, Bench& bench, const Report& report) {
  if (bench.generates()) {
    for (const int batch : flags.batches) {
      const double seconds = MedianSeconds(flags.runs, [&] { bench.Decode(kNewTokens, batch); });
      report.Print("decode", flags.prompt, batch, seconds, "tok_s", batch * kNewTokens);
    }
    for (const int length : flags.prefills) {
      if (length > bench.context_size()) continue;
      const double seconds = MedianSeconds(flags.runs, [&] { bench.Prefill(length); });
      report.Print("prefill", length, 1, seconds, "tok_s", length);
    }
    return;
  }
  for (const int length : flags.lengths) {
    if (length > bench.context_size()) continue;
    for (const int batch : flags.classify_batches) {
      const double seconds = MedianSeconds(flags.runs, [&] { bench.Classify(length, batch); });
      report.Print("classify", length, batch, seconds, "seq_s", batch);
    }
  }
}

// Reads lines "WHAT LENGTH BATCH SECONDS", WHAT being decode (LENGTH new tokens), prefill or
// classify: that is run until SECONDS have passed, once at least, and the median is printed.
int TakeTurns(const Flags& flags, Bench& bench) {
  const int num_slots = *std::max_element(flags.batches.begin(), flags.batches.end());
  std::string what;
  int length;
  int batch;
  double at_least;
  while (std::cin >> what >> length >> batch >> at_least) {
    std::function<void()> work;
    if (bench.generates() && what == "decode" && batch <= num_slots) {
      work = [&] { bench.Decode(length, batch); };
    } else if (bench.generates() && what == "prefill") {
      work = [&] { bench.Prefill(length); };
    } else if (!bench.generates() && what == "classify") {
      work = [&] { bench.Classify(length, batch); };
    }
    const int tokens = what == "decode" ? flags.prompt + length : length;
    if (!work || length < 1 || batch < 1 || tokens > bench.context_size()) {
      std::fprintf(stderr, "engine: no such work for this model: %s %d %d\n", what.c_str(), length,
                   batch);
      return 1;
    }
    std::vector<double> seconds;
    double total = 0;
    do {
      seconds.push_back(SecondsOf(work));
      total += seconds.back();
    } while (total < at_least);
    std::printf("{\"seconds\": %.6f, \"runs\": %zu}\n", Median(seconds), seconds.size());
    std::fflush(stdout);
  }
  return 0;
}

absl::StatusOr<LoadedModel> Load(const Flags& flags, Precision precision, int num_slots) {
  ASSIGN_OR_RETURN(const Executor* executor, FindExecutor(flags.executor, flags.device));
  return LoadModel(flags.model, {.executor = executor,
                                 .device = flags.device,
                                 .precision = precision,
                                 .num_threads = flags.threads,
                                 .num_kv_slots = num_slots,
                                 .native_code = flags.native_code});
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Tokens a second of one model without a server.");
  app.add_option("--model", flags.model, "Hugging Face directory")->required();
  app.add_option("--dtypes", flags.dtypes)->delimiter(',');
  app.add_option("--executor", flags.executor);
  app.add_option("--device", flags.device);
  app.add_option("--native_code", flags.native_code, "Of a compiled model: the hash of its code");
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 1024));
  app.add_option("--runs", flags.runs)->check(CLI::Range(1, 1000));
  app.add_flag("--sample", flags.sample, "Sample with top_k 50 instead of greedy");
  app.add_option("--prompt", flags.prompt, "Tokens before the 123 that are decoded")
      ->check(CLI::Range(1, 900));
  app.add_option("--batches", flags.batches, "Texts decoded at once")->delimiter(',');
  app.add_option("--prefills", flags.prefills, "Prompt lengths")->delimiter(',');
  app.add_option("--lengths", flags.lengths, "Of texts to classify")->delimiter(',');
  app.add_option("--classify_batches", flags.classify_batches)->delimiter(',');
  app.add_flag("--mixed", flags.mixed, "Classify texts of mixed lengths");
  app.add_flag("--turns", flags.turns, "Read from standard input what to run");
  CLI11_PARSE(app, argc, argv);
  const int num_slots = *std::max_element(flags.batches.begin(), flags.batches.end());
  for (const std::string& dtype : flags.dtypes) {
    const auto start = Clock::now();
    const absl::StatusOr<Precision> precision = ParseDtype(dtype);
    absl::StatusOr<LoadedModel> loaded =
        precision.ok() ? Load(flags, *precision, num_slots) : precision.status();
    if (!loaded.ok()) {
      std::fprintf(stderr, "engine: %s\n", loaded.status().ToString().c_str());
      return 1;
    }
    const Report report(flags, std::string(DtypeName(*precision)));
    report.Print("load", 0, 1, std::chrono::duration<double>(Clock::now() - start).count(),
                 "models_s", 1);
    Bench bench(flags, *loaded);
    if (flags.turns) return TakeTurns(flags, bench);
    MeasureAll(flags, bench, report);
  }
  return 0;
}

}  // namespace
}  // namespace chorus::runner

int main(int argc, char** argv) { return chorus::runner::Main(argc, argv); }
