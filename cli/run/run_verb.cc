#include <unistd.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/dtypes.h"
#include "cli/command_line.h"
#include "cli/run/run.h"

namespace chorus {
namespace {

std::string Positive(const std::string& text) {
  double value = 0;
  return absl::SimpleAtod(text, &value) && value > 0 ? "" : "must be greater than 0: " + text;
}

std::string NotNegative(const std::string& text) {
  double value = 0;
  return absl::SimpleAtod(text, &value) && value >= 0 ? "" : "must be 0 or greater: " + text;
}

// The parameters of the API, as flags.
void AddSampling(CLI::App& verb, v1::GenerationParams& params) {
  using Params = v1::GenerationParams;
  const auto add = [&]<typename T>(const char* flag, void (Params::*set)(T), const char* text) {
    return verb.add_option_function<T>(
        flag, [&params, set](const T& value) { (params.*set)(value); }, text);
  };
  const auto add_flag = [&](const char* flags, void (Params::*set)(bool), const char* text) {
    verb.add_flag_function(
        flags, [&params, set](int64_t count) { (params.*set)(count > 0); }, text);
  };
  add("--max_length", &Params::set_max_length, "Most tokens, prompt included [128]")
      ->check(Between(1u, 1u << 20));
  add("--max_new_tokens", &Params::set_max_new_tokens, "Most new tokens; wins over --max_length")
      ->check(Between(1u, 1u << 20));
  add_flag("--do_sample,!--greedy", &Params::set_do_sample,
           "Sample (the default), or take the likeliest token each time");
  add("--temperature", &Params::set_temperature, "Divides the logits [1]; 0 is greedy")
      ->check(NotNegative);
  add("--top_k", &Params::set_top_k, "Sample among the k likeliest tokens; 0 for all [50]")
      ->check(Between(uint32_t{0}, std::numeric_limits<uint32_t>::max()));
  add("--top_p", &Params::set_top_p,
      "Sample among the likeliest tokens whose probabilities reach this sum [1]")
      ->check(Positive)
      ->check(Between(0.0, 1.0));
  add("--min_p", &Params::set_min_p,
      "Sample among tokens this many times as likely as the likeliest [0]")
      ->check(Between(0.0, 1.0));
  add("--repetition_penalty", &Params::set_repetition_penalty,
      "Above 1, tokens that the text has already become less likely [1]")
      ->check(Positive);
  verb.add_option_function<std::vector<std::string>>(
          "--stop",
          [&params](const std::vector<std::string>& stop) {
            params.mutable_stop()->Assign(stop.begin(), stop.end());
          },
          "Text to end before; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  add("--num_return_sequences", &Params::set_num_return_sequences, "Texts of the prompt [1]")
      ->check(Between(1u, 64u));
  add_flag("--ignore_eos", &Params::set_ignore_eos,
           "Write on past the model's end-of-sequence token");
  add_flag("--split_special_tokens", &Params::set_split_special_tokens,
           "Read special tokens that the text spells out as the characters they are");
  add("--seed", &Params::set_seed, "Same seed, same text")
      ->check(Between(uint64_t{0}, std::numeric_limits<uint64_t>::max()));
}

}  // namespace

void AddRunVerb(CLI::App& app, int& exit_status) {
  static RunOptions options;
  static std::string output = "text";
  CLI::App* verb =
      app.add_subcommand("run", "Ask one model for one answer, or, on a terminal, for one a line");
  verb->group("Serving");
  verb->add_option("model", options.model, "Tag (see chorus models list), or a folder: ./my-gpt2")
      ->required()
      ->type_name("MODEL");
  verb->add_option_function<std::string>(
          "text", [](const std::string& text) { options.text = text; },
          "Prompt, or text to classify or embed; - reads standard input. Without it, on a "
          "terminal, each line you type is one")
      ->type_name("TEXT");
  verb->add_option_function<std::string>(
          "--text_pair", [](const std::string& text) { options.answer.text_pair = text; },
          "Second text of a pair to classify")
      ->type_name("TEXT");
  AddSampling(*verb, options.answer.params);
  verb->add_option("-o,--output", output, "text, or json: an object a line, as of the API")
      ->capture_default_str()
      ->check(Quiet(CLI::IsMember({"text", "json"})));
  verb->add_option("--dtype", options.dtype, "In what the weights are kept and multiplied")
      ->capture_default_str()
      ->check(CLI::IsMember(kDtypes));
  verb->add_option("--threads", options.num_threads, "Compute threads; without it one a core")
      ->check(Between(1, 1024));
  verb->add_option(
          "--untrained_head", options.untrained_head,
          "Classify with an encoder that has no classification head: it gets one of random "
          "weights, drawn from this seed; its scores mean nothing")
      ->type_name("SEED")
      ->check(Between(uint64_t{0}, std::numeric_limits<uint64_t>::max()));
  AddNativeCode(*verb, options.native_code);
  verb->add_flag("--verbose", options.verbose, "Show the runner's log");
  verb->footer(
      "\nExamples:\n"
      "  chorus run gpt2-generation \"I have an idea!\"\n"
      "  chorus run gpt2-generation:demo \"It was\" --greedy --max_new_tokens 20\n"
      "  chorus run bert-base-uncased-classification \"a charming and often affecting journey\"\n"
      "  echo \"It was\" | chorus run ./my-gpt2 - --seed 7\n"
      "  chorus run gpt2-generation        # Ctrl-C ends a text, Ctrl-D all of it.");
  verb->callback([&exit_status] {
    if (!options.text && ::isatty(STDIN_FILENO) == 0) throw CLI::RequiredError("text");
    options.answer.json = output == "json";
    exit_status = Report(Run(options));
  });
}

}  // namespace chorus
