#pragma once

// Calls of chorus.v1.InferenceService over gRPC, whole or streamed, on one connection or several.
//
// Replies come on gRPC's threads, which note their times, and then to the io_context's.

#include <boost/asio/io_context.hpp>
#include <memory>

#include "absl/status/statusor.h"
#include "cli/bench/load/question.h"
#include "cli/bench/load/target.h"

namespace chorus::bench {

// `io` must outlive the target. INVALID_ARGUMENT where the question's parameters are not fields of
// the request, or certificates cannot be read.
absl::StatusOr<std::unique_ptr<Target>> MakeGrpcTarget(boost::asio::io_context& io,
                                                       const Question& question,
                                                       const ServerUrl& url, int num_connections);

}  // namespace chorus::bench
