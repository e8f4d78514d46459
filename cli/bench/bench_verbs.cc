#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "cli/bench/bench.h"
#include "cli/bench/load/lengths.h"
#include "cli/bench/report/slo.h"
#include "cli/command_line.h"

namespace chorus::bench {
namespace {

CLI::Validator Checked(std::string (*mistake)(const std::string& text)) {
  return CLI::Validator(mistake, "");
}

std::string MistakeOfLengths(const std::string& text) {
  return std::string(Lengths::Parse(text).status().message());
}

std::string MistakeOfSlo(const std::string& text) {
  return std::string(Slo::Parse(text).status().message());
}

std::string MistakeOfRate(const std::string& text) {
  double rate = 0;
  return absl::SimpleAtod(text, &rate) && rate > 0 && rate <= 1e6
             ? ""
             : "must be greater than 0 and at most 1000000: " + text;
}

// "NAME=VALUE": VALUE as JSON, or a string where it is none.
std::string AddParameter(const std::string& text, nlohmann::ordered_json& parameters) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return "must be NAME=VALUE: " + text;
  const std::string value = text.substr(equals + 1);
  auto json = nlohmann::ordered_json::parse(value, nullptr, /*allow_exceptions=*/false);
  parameters[text.substr(0, equals)] = json.is_discarded() ? nlohmann::ordered_json(value) : json;
  return "";
}

std::string AddHeader(const std::string& text, std::vector<std::string>& headers) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text.find_first_of("\r\n") != std::string::npos) {
    return "must be 'Name: value', on one line";
  }
  headers.push_back(text);
  return "";
}

CLI::Option* AddTime(CLI::App& verb, const std::string& flag, absl::Duration& time,
                     const std::string& description) {
  return verb
      .add_option_function<std::string>(
          flag, [&time](const std::string& text) { (void)absl::ParseDuration(text, &time); },
          description)
      ->type_name("TIME")
      ->check(Checked(MistakeOfTime));
}

void AddSubject(CLI::App& verb, Question& question) {
  std::vector<CLI::Option*> subjects;
  const auto add = [&](const char* flag, Subject subject, const char* description) {
    CLI::Option* option = verb.add_option_function<std::string>(
                                  flag,
                                  [&question, subject](const std::string& name) {
                                    question.subject = subject;
                                    question.name = name;
                                  },
                                  description)
                              ->type_name("NAME");
    for (CLI::Option* other : subjects) option->excludes(other);
    subjects.push_back(option);
  };
  add("--graph", Subject::kGraph, "The graph to call [inference_graph]");
  add("--model", Subject::kGenerator, "A generator to call instead");
  add("--classifier", Subject::kClassifier, "A classifier to call instead");
  add("--embedder", Subject::kEmbedder, "An embedder to call instead");
  verb.add_option_function<std::string>(
          "--protocol",
          [&question](const std::string& name) {
            const auto* found = std::find(std::begin(kProtocols), std::end(kProtocols), name);
            question.protocol = static_cast<Protocol>(found - std::begin(kProtocols));
          },
          "http and grpc: whole replies; sse and grpc-stream: the same streamed; openai and "
          "openai-chat: completions of any server that has them, streamed unless --set "
          "stream=false "
          "[http]")
      ->type_name("NAME")
      ->check(Quiet(
          CLI::IsMember(std::vector<std::string>(std::begin(kProtocols), std::end(kProtocols)))));
}

void AddRequests(CLI::App& verb, BenchOptions& options) {
  WorkloadOptions& workload = options.workload;
  verb.add_option_function<std::string>(
          "--text", [&workload](const std::string& text) { workload.text = text; },
          "The prompt, or text to classify or embed, of every call; without it words drawn at "
          "random")
      ->type_name("TEXT");
  verb.add_option("--prompt_tokens", workload.prompt_tokens,
                  "How many words: 128, uniform:16..256, normal:128,32, lognormal:128,0.5 or "
                  "file:PATH with a number a line. Each is one token to GPT-2 and BERT")
      ->type_name("LENGTHS")
      ->capture_default_str()
      ->check(Checked(MistakeOfLengths));
  verb.add_option("--output_tokens", workload.output_tokens,
                  "How many tokens each text gets, likewise; ends of sequence are ignored. Without "
                  "it as many as the server likes")
      ->type_name("LENGTHS")
      ->check(Checked(MistakeOfLengths));
  verb.add_option("--prompts", workload.prompts,
                  "File of JSON objects, one a line, with any of text, prompt_tokens and "
                  "output_tokens; each call takes one at random")
      ->type_name("FILE");
  verb.add_option("--set",
                  "Parameter of each request, such as temperature=0; wins over the flags. May be "
                  "repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->expected(0, 64)
      ->check(
          [&options](const std::string& text) {
            return AddParameter(text, options.question.parameters);
          },
          "");
  verb.add_option("--ca_file", options.question.ca_file,
                  "Certificates (PEM) to trust instead of the system's, for TLS")
      ->type_name("FILE");
  verb.add_option("--header", "Header of each request, 'Name: value'. May be repeated")
      ->type_name("HEADER")
      ->allow_extra_args(false)
      ->expected(0, 64)
      ->check(
          [&options](const std::string& text) { return AddHeader(text, options.question.headers); },
          "");
  verb.add_option("--seed", workload.seed, "Same seed, same calls")
      ->capture_default_str()
      ->check(Between(uint64_t{0}, std::numeric_limits<uint64_t>::max()));
}

void AddLoad(CLI::App& verb, BenchOptions& options, const char* duration) {
  (void)absl::ParseDuration(duration, &options.load.duration);
  options.load.warmup = absl::Seconds(1);
  AddTime(verb, "--duration", options.load.duration,
          absl::StrCat("For how long calls are sent [", duration, "]"));
  AddTime(verb, "--warmup", options.load.warmup, "Time before it that is not measured [1s]");
  AddTime(verb, "--timeout", options.question.timeout, "After which a call is given up [1m]");
  verb.add_option("--max_in_flight", options.load.max_in_flight,
                  "Most calls at once of an open loop; those after them wait here, and their time "
                  "counts")
      ->capture_default_str()
      ->check(Between(1, 65536));
  verb.add_option("--connections", options.num_connections, "Connections of gRPC")
      ->capture_default_str()
      ->check(Between(1, 1024));
  verb.add_flag("--steady", options.workload.steady,
                "Calls of an open loop evenly apart, not as a Poisson process");
  verb.add_option("--slo", options.slo,
                  "What makes a call good: ttft, itl (mean time between tokens) and e2e, such as "
                  "ttft=200ms,e2e=2s; without it every call that ends well is")
      ->type_name("TIMES")
      ->check(Checked(MistakeOfSlo));
}

void AddReports(CLI::App& verb, std::string& output, ReportFiles& files) {
  verb.add_option("-o,--output", output, "table or json")
      ->capture_default_str()
      ->check(Quiet(CLI::IsMember({"table", "json"})));
  verb.add_option("--save", files.json, "File for the JSON")->type_name("FILE");
  verb.add_option("--html", files.html, "File for a page with plots")->type_name("FILE");
  verb.add_option("--svg", files.svg, "File for the main plot")->type_name("FILE");
}

void AddUrl(CLI::App& verb, std::string& url) {
  verb.add_option("url", url,
                  "Where the server is, such as http://127.0.0.1:3000, or HOST:PORT for gRPC; "
                  "https:// or grpcs:// for TLS; without it chorus serve on this machine")
      ->type_name("URL");
}

void AddRun(CLI::App& bench, int& exit_status) {
  static BenchOptions options;
  CLI::App* run = bench.add_subcommand("run", "Load a server and report what came");
  AddUrl(*run, options.url);
  AddSubject(*run, options.question);
  CLI::Option* rate = run->add_option("--rate", options.workload.rate,
                                      "Open loop: so many calls a second, a Poisson process")
                          ->check(Checked(MistakeOfRate));
  CLI::Option* trace =
      run->add_option("--trace", options.workload.trace,
                      "Open loop: file of JSON objects, one a line, with at, in seconds, and what "
                      "--prompts has")
          ->type_name("FILE")
          ->excludes(rate);
  run->add_option("--clients", options.load.num_clients,
                  "Closed loop: so many clients, each of which waits for its reply")
      ->capture_default_str()
      ->check(Between(1, 65536))
      ->excludes(rate)
      ->excludes(trace);
  AddLoad(*run, options, "10s");
  run->add_option_function<uint64_t>(
         "--calls",
         [](uint64_t count) {
           options.load.max_calls = count;
           options.load.duration = absl::InfiniteDuration();
           options.load.warmup = absl::ZeroDuration();
         },
         "So many calls instead of --duration and --warmup")
      ->check(Between(uint64_t{1}, uint64_t{1} << 40))
      ->excludes("--duration")
      ->excludes("--warmup");
  AddRequests(*run, options);
  AddReports(*run, options.output, options.files);
  run->footer(
      "\nExamples:\n"
      "  chorus bench run --clients 16 --output_tokens 64\n"
      "  chorus bench run --protocol sse --rate 20 --slo ttft=200ms,itl=50ms --html bench.html\n"
      "  chorus bench run 127.0.0.1:50051 --protocol grpc --model gpt2-generation\n"
      "  chorus bench run http://127.0.0.1:8000/v1 --protocol openai --model gpt2 --rate 5\n"
      "\nIn an open loop a call's time counts from when it was due, not from when it was sent. "
      "Ctrl-C\nends the load and reports what was measured. OPENAI_API_KEY is sent where it is "
      "set.");
  run->callback([&exit_status, run] {
    if (!options.workload.trace.empty()) {  // Which ends by itself.
      if (run->count("--duration") == 0) options.load.duration = absl::InfiniteDuration();
      if (run->count("--warmup") == 0) options.load.warmup = absl::ZeroDuration();
    }
    exit_status = Report(RunBench(options));
  });
}

void AddSweep(CLI::App& bench, int& exit_status) {
  static SweepOptions options;
  CLI::App* sweep = bench.add_subcommand(
      "sweep", "Offer a server more and more, until its goodput no longer follows");
  AddUrl(*sweep, options.bench.url);
  AddSubject(*sweep, options.bench.question);
  CLI::Option* rates = sweep
                           ->add_option("--rates", options.rates,
                                        "Just these rates, such as 10,20,40; without it twice as "
                                        "much each time, and then between, to the knee")
                           ->delimiter(',')
                           ->check(Checked(MistakeOfRate));
  sweep
      ->add_option("--from", options.first_rate,
                   "The first rate; without it what one client in a closed loop gets")
      ->check(Checked(MistakeOfRate))
      ->excludes(rates);
  sweep
      ->add_option("--multiples", options.multiples,
                   "Then these multiples of the knee, such as 0.5,1,2,3,5")
      ->delimiter(',')
      ->check(Checked(MistakeOfRate))
      ->excludes(rates);
  AddLoad(*sweep, options.bench, "10s");
  AddRequests(*sweep, options.bench);
  AddReports(*sweep, options.bench.output, options.bench.files);
  sweep->footer(
      "\nExamples:\n"
      "  chorus bench sweep --protocol sse --slo ttft=500ms --html sweep.html\n"
      "  chorus bench sweep --multiples 0.5,1,2,3,5 --duration 30s\n"
      "\nA server keeps up with a rate of which 9 in 10 calls are good; the knee is the highest of "
      "those.");
  sweep->callback([&exit_status] { exit_status = Report(RunSweep(options)); });
}

void AddCompare(CLI::App& bench, int& exit_status) {
  static std::string a, b, output = "table";
  static ReportFiles files;
  CLI::App* compare = bench.add_subcommand("compare", "Compare two runs that --save has kept");
  compare->add_option("a", a, "The run to compare with")->required()->type_name("FILE");
  compare->add_option("b", b, "The run that is compared")->required()->type_name("FILE");
  AddReports(*compare, output, files);
  compare->footer("\nExamples:\n  chorus bench compare before.json after.json --html both.html");
  compare->callback([&exit_status] { exit_status = Report(CompareRuns(a, b, output, files)); });
}

}  // namespace

void AddBenchVerbs(CLI::App& app, int& exit_status) {
  CLI::App* bench = app.add_subcommand(
      "bench", "Load a server, Chorus or OpenAI-compatible, and measure what comes");
  bench->group("Serving");
  bench->require_subcommand(1);
  AddRun(*bench, exit_status);
  AddSweep(*bench, exit_status);
  AddCompare(*bench, exit_status);
}

}  // namespace chorus::bench
