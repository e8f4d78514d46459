#include "runner_server/config/flags.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <limits>

#include "base/command_words.h"
#include "base/digest.h"
#include "base/dtypes.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "runner_server/config/cpu_count.h"

namespace chorus::runner {
namespace {

constexpr int kMaxCount = 1 << 16;
constexpr int64_t kMaxQueue = std::numeric_limits<int32_t>::max();

std::string MistakeOfSha256(const std::string& text) {
  return IsSha256(text) ? "" : "must be 64 lower-case hexadecimal digits: " + text;
}

void AddDuration(CLI::App& app, const std::string& name, absl::Duration& value,
                 const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [name, &value](const std::string& text) {
           if (!absl::ParseDuration(text, &value) || value < absl::ZeroDuration()) {
             throw CLI::ValidationError(name, "must be a duration such as 1500ms or 30s: " + text);
           }
         },
         help)
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(value));
}

void AddOptions(CLI::App& app, RunnerFlags& flags) {
  app.option_defaults()->always_capture_default();
  app.add_option("--model", flags.model,
                 "Hugging Face directory of a model, or the directory of its versions in a store, "
                 "of which the latest is served; required");
  app.add_flag("--reload", flags.reload,
               "Load the model again when its files or its latest version change, beside the one "
               "that serves, and move calls over; needs memory for both");
  app.add_option("--name", flags.name, "Name of the model; default: the directory's name");
  app.add_option("--version", flags.version,
                 "Version to report of the model; of a store's, its own is");
  app.add_option("--address", flags.address, "gRPC: HOST:PORT (port 0: any) or unix:/path");
  app.add_option("--metrics_address", flags.metrics_address,
                 "Prometheus: HOST:PORT (port 0: any); empty: off");
  app.add_option(
         "--dtype", flags.dtype,
         "In what the weights are kept and multiplied; auto: bfloat16, on old CPUs and by torch "
         "on the cpu float32; float16 is torch's alone")
      ->check(CLI::IsMember(kDtypes));
  app.add_option(
         "--executor", flags.executor,
         "What computes: native, Chorus's kernels for the CPU; torch, libtorch's on --device; "
         "auto: native on the cpu, else, and for a compiled model, torch")
      ->check(CLI::IsMember(kExecutors));
  app.add_option("--device", flags.device, "Where: cpu, cuda, cuda:N, or another of libtorch's");
  app.add_option("--gpu_memory_fraction", flags.gpu_memory_fraction,
                 "Of an accelerator's memory, what may be in use, by other processes too, once the "
                 "KV cache is taken")
      ->check(CLI::Range(0.05, 1.0));
  app.add_option("--untrained_head", flags.untrained_head,
                 "Seed. An encoder that has no classification head gets one of random weights, and "
                 "is a classifier whose scores mean nothing; without it, it is an embedder")
      ->check(CLI::Range(uint64_t{0}, std::numeric_limits<uint64_t>::max()));
  app.add_option("--pooling", flags.pooling,
                 "How an embedder makes one vector of a text's; auto: as modules.json says, else "
                 "the mean")
      ->check(CLI::IsMember({"auto", "mean", "cls", "pooler"}));
  app.add_option("--native_code", flags.native_code,
                 "SHA-256 of the native code that a compiled model may bring (model.pt2); without "
                 "it none runs")
      ->check(MistakeOfSha256);
  app.add_option("--threads", flags.threads, "Compute threads; 0: all cores it may use")
      ->check(CLI::Range(0, kMaxCount));
  app.add_option(
      "--core_lease", flags.core_lease,
      "File of 64 zero bytes for each runner of this machine: they share --threads cores "
      "through it; empty: off");
  app.add_option("--core_lease_slot", flags.core_lease_slot,
                 "This runner's 64 bytes in the --core_lease file, from 0")
      ->check(CLI::Range(0, kMaxCount));
  app.add_option("--max_sequences", flags.max_sequences, "Sequences in the running batch")
      ->check(CLI::Range(1, kMaxCount));
  app.add_option("--max_step_tokens", flags.max_step_tokens,
                 "Tokens in one forward pass; at least --max_sequences")
      ->check(CLI::Range(1, kMaxCount));
  AddDuration(app, "--target_step_time", flags.target_step_time,
              "Prompts take no more of a step than leaves running texts this long between tokens; "
              "0: no target");
  app.add_option("--kv_cache_bytes", flags.kv_cache_bytes,
                 "Memory the KV cache may use; 0: --max_sequences times the model's context")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  app.add_option(
         "--max_queued_sequences", flags.max_queued_sequences,
         "Calls that may wait: a generation is one, and so is a classification of many texts")
      ->check(CLI::Range(int64_t{1}, kMaxQueue));
  app.add_option("--max_queued_tokens", flags.max_queued_tokens, "Tokens that may wait")
      ->check(CLI::Range(int64_t{1}, kMaxQueue));
  AddDuration(app, "--drain_delay", flags.drain_delay,
              "After SIGTERM, how long to keep serving while reporting not ready");
  AddDuration(app, "--drain_timeout", flags.drain_timeout,
              "After that, how long accepted requests may still run");
  app.add_option("--ports_file", flags.ports_file,
                 "Written once listening: grpc=ADDRESS:PORT, metrics=ADDRESS:PORT; and again, with "
                 "ready=true besides, once the model is loaded");
  app.add_option("--check_health", flags.check_health,
                 "Only ask the server at this address, HOST:PORT or unix:/path, whether it is "
                 "ready; exit 0 if so, else 1");
}

}  // namespace

absl::StatusOr<std::optional<RunnerFlags>> ParseFlags(int argc, const char* const* argv) {
  RunnerFlags flags;
  CLI::App app("Serves one model over gRPC (chorus.runner.v1).", "runner_server");
  AddOptions(app, flags);
  const CommandWords command = ReadCommandWords(app, argc, argv);
  try {
    ParseWords(app, command);
    if (!flags.check_health.empty()) return flags;
    if (flags.model.empty()) throw CLI::RequiredError("--model");
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return std::nullopt;
  } catch (const CLI::Error& error) {
    return absl::InvalidArgumentError(command.mistake.empty() ? error.what() : command.mistake);
  }
  if (flags.max_step_tokens < flags.max_sequences) {
    return absl::InvalidArgumentError("--max_step_tokens must be at least --max_sequences, " +
                                      std::to_string(flags.max_sequences) + ": " +
                                      std::to_string(flags.max_step_tokens));
  }
  if (!flags.address.starts_with("unix:/")) {
    RETURN_IF_ERROR(HostPort::Check("--address", flags.address));
  }
  if (!flags.metrics_address.empty()) {
    RETURN_IF_ERROR(HostPort::Check("--metrics_address", flags.metrics_address));
  }
  if (flags.threads == 0) flags.threads = AvailableCores();
  if (flags.name.empty()) {
    std::filesystem::path folder = std::filesystem::path(flags.model).lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();  // It ended in a slash.
    flags.name = folder.filename().string();
  }
  return flags;
}

}  // namespace chorus::runner
