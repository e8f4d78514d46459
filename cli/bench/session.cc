#include "cli/bench/session.h"

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/bench/load/grpc_target.h"
#include "cli/bench/load/http_target.h"
#include "cli/bench/progress.h"
#include "cli/bench/report/measurement.h"

namespace chorus::bench {
namespace {

// The first call of a session.
class FirstCall : public LoadObserver {
 public:
  void OnBegin(absl::Duration, absl::Duration) override {}
  void OnCall(const CallRecord& record) override { record_ = record; }
  void OnTick(absl::Duration, int) override {}
  void OnEnd(absl::Duration) override {}

  const CallRecord& record() const { return record_; }

 private:
  CallRecord record_;
};

absl::Status CheckTogether(const BenchOptions& options, const ServerUrl& url, const Slo& slo) {
  const Question& question = options.question;
  const bool is_stream = IsStreamed(question);
  if (!Generates(question.subject) && is_stream) {
    return absl::InvalidArgumentError(
        "a classifier's and an embedder's replies are whole: --protocol must be http or grpc");
  }
  if (IsOpenAi(question.protocol) && question.subject != Subject::kGenerator) {
    return absl::InvalidArgumentError("--protocol openai needs --model");
  }
  if ((slo.ttft || slo.itl) && !is_stream) {
    return absl::InvalidArgumentError(
        "--slo: ttft and itl are those of streams: --protocol must be one");
  }
  if (!question.ca_file.empty() && !url.is_tls) {
    return absl::InvalidArgumentError("--ca_file is for https:// and grpcs://: " + options.url);
  }
  if (!options.workload.trace.empty() && options.workload.rate > 0) {
    return absl::InvalidArgumentError("--trace says when calls are due: --rate must not be given");
  }
  return absl::OkStatus();
}

std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (line.starts_with("model name") && colon != std::string::npos) {
      return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  return "unknown";
}

constexpr const char* kSubjects[] = {"graph", "model", "classifier", "embedder"};

}  // namespace

Session::Session(const BenchOptions& options, ServerUrl url, const Slo& slo)
    : options_(options), url_(std::move(url)), slo_(slo) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const BenchOptions& options,
                                                         std::stop_token stop) {
  ASSIGN_OR_RETURN(ServerUrl url, ServerUrl::Parse(options.url));
  Slo slo;
  if (!options.slo.empty()) {
    ASSIGN_OR_RETURN(slo, Slo::Parse(options.slo));
  }
  RETURN_IF_ERROR(CheckTogether(options, url, slo));
  std::unique_ptr<Session> session(new Session(options, std::move(url), slo));
  if (IsGrpc(options.question.protocol)) {
    ASSIGN_OR_RETURN(session->target_, MakeGrpcTarget(session->io_, options.question, session->url_,
                                                      options.num_connections));
  } else {
    ASSIGN_OR_RETURN(session->target_,
                     HttpTarget::Create(session->io_, options.question, session->url_));
  }
  RETURN_IF_ERROR(session->Try(std::move(stop)));
  return session;
}

// One call alone: what is wrong with a server or a name is said once, before any load.
absl::Status Session::Try(std::stop_token stop) {
  WorkloadOptions options = options_.workload;
  options.rate = 0;
  if (!options.trace.empty()) std::swap(options.trace, options.prompts);
  options.prompts.clear();
  ASSIGN_OR_RETURN(Workload workload, Workload::Create(options));
  FirstCall first;
  Load load(io_, {.max_calls = 1}, workload, *target_, first);
  load.Run(stop);
  const CallRecord& record = first.record();
  if (record.outcome == Outcome::kOk) return absl::OkStatus();
  if (stop.stop_requested()) return absl::CancelledError("interrupted");
  return absl::UnavailableError(absl::StrCat(options_.url,
                                             " does not answer the first call: ", record.status,
                                             record.message.empty() ? "" : ": ", record.message));
}

absl::StatusOr<Report> Session::Run(const WorkloadOptions& workload_options,
                                    const LoadOptions& load_options, std::stop_token stop) {
  ASSIGN_OR_RETURN(Workload workload, Workload::Create(workload_options));
  Measurement measurement(slo_, workload.is_open());
  Progress progress(std::cerr, ::isatty(STDERR_FILENO) == 1, measurement);
  Report report = Header(workload_options, load_options);
  report["schema"] = kRunSchema;
  Load load(io_, load_options, workload, *target_, progress);
  load.Run(stop);
  progress.Finish();
  report["interrupted"] = stop.stop_requested();
  report.update(measurement.ToJson());
  return report;
}

Report Session::Header(const WorkloadOptions& workload, const LoadOptions& load) const {
  Report how;
  if (!workload.trace.empty()) {
    how = {{"kind", "trace"}, {"trace", workload.trace}};
  } else if (workload.rate > 0) {
    how = {{"kind", "open"},
           {"rate", workload.rate},
           {"arrivals", workload.steady ? "steady" : "poisson"}};
  } else {
    how = {{"kind", "closed"}, {"clients", load.num_clients}};
  }
  how["warmup"] = absl::ToDoubleSeconds(load.warmup);
  how["timeout"] = absl::ToDoubleSeconds(options_.question.timeout);
  how["seed"] = workload.seed;
  if (!workload.prompts.empty()) how["prompts"] = workload.prompts;
  if (!workload.text) how["prompt_tokens"] = workload.prompt_tokens;
  if (!workload.output_tokens.empty()) how["output_tokens"] = workload.output_tokens;
  if (!options_.question.parameters.empty()) how["set"] = options_.question.parameters;
  if (IsGrpc(options_.question.protocol)) how["connections"] = options_.num_connections;
  return {{"schema", ""},
          {"started", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone())},
          {"client",
           {{"version", CHORUS_VERSION},
            {"cpu", CpuName()},
            {"cores", std::thread::hardware_concurrency()}}},
          {"target",
           {{"url", options_.url},
            {"protocol", kProtocols[static_cast<size_t>(options_.question.protocol)]},
            {"subject", kSubjects[static_cast<size_t>(options_.question.subject)]},
            {"name", options_.question.name}}},
          {"load", std::move(how)},
          {"slo", options_.slo}};
}

}  // namespace chorus::bench
