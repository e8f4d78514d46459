#pragma once

// Runs generators and graphs on tensors.
//
// Thread safety: free functions.

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "api_server/front/event_queue.h"
#include "api_server/front/inference_handler.h"
#include "api_server/front/method_registry.h"
#include "api_server/protocols/open_inference/tensors.h"

namespace chorus::gateway {

using OutputsDone = MethodRegistry::DoneWith<std::vector<OutputTensor>>;

// Runs a generator or a graph on each text of `text_input`, several at once; `done` gets the
// outputs of all together, without the prompt if it is a generator's and `echo` is not set. Either
// returns OK and calls `done` once, perhaps inline; or returns INVALID_ARGUMENT with the input or
// the parameter that is wrong.
absl::Status RunGenerator(InferenceHandler& service, const InferRequest& request, Call call,
                          OutputsDone done);
absl::Status RunGraph(InferenceHandler& service, const InferRequest& request, Call call,
                      OutputsDone done);

// The same as they come, on one text; as InferenceHandler's streams. Without `echo`.
absl::Status StreamGenerator(InferenceHandler& service, const InferRequest& request, Call call,
                             std::shared_ptr<EventQueue> events);
absl::Status StreamGraph(InferenceHandler& service, const InferRequest& request, Call call,
                         std::shared_ptr<EventQueue> events);

}  // namespace chorus::gateway
