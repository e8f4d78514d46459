#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_join.h"
#include "base/dtypes.h"
#include "cli/command_line.h"
#include "cli/serve/serve.h"

namespace chorus {

void AddServeVerb(CLI::App& app, int& exit_status) {
  static ServeOptions options;
  CLI::App* verb = app.add_subcommand(
      "serve", "Serve a graph on this machine: one runner for each model, and the gateway");
  verb->group("Serving");
  CLI::Option* bundle =
      verb->add_option("bundle", options.bundle,
                       "A bundle of chorus build, or a folder with a chorusfile "
                       "(., or ./FOLDER): its graph, models and resources; flags given here "
                       "win")
          ->type_name("TAG|FOLDER");
  verb->add_option("--port", options.port, "Port of the HTTP API; 0 takes a free one")
      ->capture_default_str()
      ->check(Between(0, 65535));
  verb->add_option("--grpc_port", options.grpc_port, "Port of the gRPC API; 0 takes a free one")
      ->capture_default_str()
      ->check(Between(0, 65535));
  verb->add_option("--host", options.host,
                   "Address to listen on; 0.0.0.0 for all IPv4 addresses of this machine, :: for "
                   "those and its IPv6 ones")
      ->capture_default_str();
  verb->add_option_function<std::string>(
          "--api_keys",
          [](const std::string& file) {
            options.gateway_flags.insert(options.gateway_flags.end(),
                                         {"--api_keys", std::filesystem::absolute(file).native()});
          },
          "YAML file of the API keys that calls need, taken again when it changes")
      ->type_name("FILE");
  verb->add_flag_callback(
      "--allow_anonymous", [] { options.gateway_flags.push_back("--allow_anonymous"); },
      "Let calls in that bring no key. A --host that other machines reach takes this or "
      "--api_keys");
  const auto to_gateway = [verb](const std::string& flag, const std::string& description) {
    return verb
        ->add_option_function<std::vector<std::string>>(
            flag,
            [flag](const std::vector<std::string>& values) {
              for (const std::string& value : values) {
                options.gateway_flags.insert(options.gateway_flags.end(), {flag, value});
              }
            },
            description)
        ->allow_extra_args(false);
  };
  to_gateway("--allow_origin",
             "Origin whose web pages may call, such as https://app.example.com; *: any. May be "
             "repeated")
      ->type_name("ORIGIN");
  to_gateway("--allow_host",
             "On loopback, a further name in the Host of requests, such as that which a proxy "
             "passes on; *: any. May be repeated")
      ->type_name("NAME");
  verb->add_option(
          "--graph", options.graph,
          "Graph file (YAML), taken again when it changes; without it the tutorial's graph")
      ->type_name("FILE")
      ->excludes(bundle);
  verb->add_option("--model", options.models,
                   "Model of one of the graph's runners: a tag or a Hugging Face folder; without "
                   "it the runner's "
                   "namesake in the store. May be given for each runner")
      ->type_name("RUNNER=MODEL")
      ->allow_extra_args(false)
      ->excludes(bundle);
  verb->add_option(
          "--also", options.also,
          "A further model, which the graph does not name: a tag or a folder. May be given "
          "several times")
      ->type_name("NAME=MODEL")
      ->allow_extra_args(false)
      ->excludes(bundle);
  verb->add_option("--only", options.only,
                   "Serve only this runner's model, and those of --also; may be given for several. "
                   "A graph that needs others is not served")
      ->type_name("RUNNER")
      ->allow_extra_args(false);
  verb->add_option("--untrained_head", options.untrained_head,
                   "Where the graph classifies with an encoder that has no classification head, it "
                   "gets one of random weights, drawn from this seed; its scores mean nothing")
      ->type_name("SEED")
      ->check(Between(uint64_t{0}, std::numeric_limits<uint64_t>::max()));
  verb->add_option("--threads", options.num_threads,
                   "Compute threads of each runner; without it the runners share the cores as they "
                   "need them")
      ->check(Between(1, 1024));
  const auto pass_on = [verb](const std::string& flag, const std::string& description) {
    return verb->add_option_function<std::string>(
        flag,
        [flag](const std::string& value) {
          options.runner_flags.insert(options.runner_flags.end(), {flag, value});
        },
        description);
  };
  verb->add_option("--dtype", options.dtypes,
                   "In what the runners keep weights and multiply them, or one of them does: " +
                       absl::StrJoin(kDtypes, ", ") +
                       "; without it bfloat16, on old CPUs float32. May be repeated")
      ->type_name("[RUNNER=]DTYPE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        const auto is_dtype = OneOf({kDtypes.begin(), kDtypes.end()});
        return is_dtype(text.substr(text.find('=') + 1));  // npos + 1 is 0.
      });
  pass_on("--executor",
          "What computes in the runners: native, Chorus's kernels for the CPU; torch, libtorch; "
          "without it native on the cpu, else, and for a compiled model, torch")
      ->check(OneOf({kExecutors.begin(), kExecutors.end()}));
  pass_on("--device", "Where the runners compute: cpu (the default), cuda, cuda:N")
      ->type_name("DEVICE");
  AddNativeCode(*verb, options.native_code);
  pass_on("--max_sequences", "Sequences in one batch of a runner")->check(Between(1, 65536));
  pass_on("--kv_cache_bytes",
          "Memory the KV cache of a runner may use; without it --max_sequences times the model's "
          "context")
      ->check(Between(int64_t{0}, std::numeric_limits<int64_t>::max()));
  pass_on("--gpu_memory_fraction",
          "Of a device's memory, what may be in use, by others too, once a generator's KV cache is "
          "taken")
      ->check(Between(0.0, 1.0));
  pass_on("--target_step_time",
          "Prompts take no more of a runner's step than leaves running texts this long between "
          "tokens")
      ->type_name("TIME")
      ->check(MistakeOfTime);
  verb->add_option_function<std::string>(
          "--drain_timeout",
          [](const std::string& text) { (void)absl::ParseDuration(text, &options.drain_timeout); },
          "How long calls in progress may take to end after Ctrl-C [30s]")
      ->type_name("TIME")
      ->check(MistakeOfTime);
  verb->add_flag("--access_log,!--no-access_log", options.access_log,
                 "A line for each call on standard error (the default), or none");
  verb->add_flag("--keep_going", options.keep_going,
                 "Serve the other models where one cannot be loaded; without it that ends all");
  verb->add_flag(
      "--reload", options.reload,
      "Take over new versions of the models, and changes of graph, bundle, chorusfile and "
      "model folders, while calls run. Without it only the graph's, with the same models");
  verb->footer(
      "\nExamples:\n"
      "  chorus serve\n"
      "  chorus serve --port 8080 --host 0.0.0.0 --api_keys keys.yaml\n"
      "  chorus serve inference_graph:latest\n"
      "  chorus serve --model gpt2-generation=./my-gpt2 --reload\n"
      "  chorus serve --only gpt2-generation --dtype gpt2-generation=int8\n"
      "\nCtrl-C drains and stops; a second Ctrl-C stops at once.");
  verb->callback([&exit_status] { exit_status = Report(Serve(options)); });
}

}  // namespace chorus
