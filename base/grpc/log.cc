#include "base/grpc/log.h"

#include <glog/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/version_info.h>

#include <map>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace chorus {

#if GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR < 66
namespace {

constexpr absl::Duration kPeriod = absl::Seconds(10);

// Of one place in gRPC's sources.
struct Place {
  absl::Time said_at = absl::InfinitePast();
  int num_left_out = 0;  // Since then.
};

// How many lines were left out since the last, if one may come now; else -1.
int NumLeftOut(const char* file, int line) {
  static std::mutex* const mutex = new std::mutex;
  static auto* const places = new std::map<std::pair<const char*, int>, Place>;
  const absl::Time now = absl::Now();
  const std::lock_guard lock(*mutex);
  Place& place = (*places)[{file, line}];
  if (now - place.said_at < kPeriod) {
    ++place.num_left_out;
    return -1;
  }
  place.said_at = now;
  return std::exchange(place.num_left_out, 0);
}

google::LogSeverity ToGlog(gpr_log_severity severity) {
  return severity == GPR_LOG_SEVERITY_ERROR ? google::GLOG_ERROR : google::GLOG_INFO;
}

void Log(gpr_log_func_args* args) {
  const int num_left_out = NumLeftOut(args->file, args->line);
  if (num_left_out < 0) return;
  google::LogMessage message(args->file, args->line, ToGlog(args->severity));
  message.stream() << "grpc: " << args->message;
  if (num_left_out > 0) message.stream() << " (and " << num_left_out << " times before)";
}

}  // namespace

void LogGrpcSparingly() { gpr_set_log_function(Log); }
#else
void LogGrpcSparingly() {}
#endif

}  // namespace chorus
