#include "api_server/protocols/open_inference/open_inference_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/protocols/open_inference/encoder_runs.h"
#include "api_server/protocols/open_inference/infer_proto.h"
#include "api_server/protocols/open_inference/text_runs.h"
#include "api_server/protocols/served_models.h"
#include "base/error_details.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

using ModelDescription = inference::ModelMetadataResponse;
using Tensors = google::protobuf::RepeatedPtrField<ModelDescription::TensorMetadata>;

void AddTensor(const char* name, const char* datatype, const std::vector<int64_t>& shape,
               Tensors& tensors) {
  ModelDescription::TensorMetadata& tensor = *tensors.Add();
  tensor.set_name(name);
  tensor.set_datatype(datatype);
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
}

int64_t SizeOrAny(size_t size) { return size == 0 ? -1 : static_cast<int64_t>(size); }

// INVALID_ARGUMENT if the request asks for an output that is not there.
absl::Status CheckOutputs(const InferRequest& request, const ModelDescription& model) {
  std::vector<std::string> names;
  for (const auto& tensor : model.outputs()) names.push_back(tensor.name());
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    if (std::ranges::find(names, request.outputs[i]) != names.end()) continue;
    return FieldError(absl::StrCat("outputs[", i, "].name"),
                      absl::StrCat("is no output of ", request.model, ", which has ",
                                   absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

// Those asked for, in that order.
std::vector<OutputTensor> Chosen(std::vector<OutputTensor> all,
                                 const std::vector<std::string>& names) {
  if (names.empty()) return all;
  std::vector<OutputTensor> chosen;
  for (const std::string& name : names) {
    chosen.push_back(*std::ranges::find(all, name, &OutputTensor::name));
  }
  return chosen;
}

}  // namespace

inference::ServerMetadataResponse OpenInferenceService::DescribeServer() const {
  inference::ServerMetadataResponse metadata;
  metadata.set_name("chorus");
  metadata.set_version(options_.version);
  for (const char* extension : {"binary_tensor_data", "parameters", "generate"}) {
    metadata.add_extensions(extension);
  }
  return metadata;
}

absl::StatusOr<OpenInferenceService::Model> OpenInferenceService::Find(
    const std::string& model, const std::string& version) const {
  Model found;
  ASSIGN_OR_RETURN(found.is_graph, IsGraph(executor_, model));
  if (!found.is_graph) {
    const Executor::Runners runners = executor_.runners();
    const auto runner = runners.find(model);  // It may have gone meanwhile.
    if (runner == runners.end()) return NoSuchModelError(executor_, model);
    found.kind = KindOf(runner->second->status());
  }
  if (!version.empty() && version != found.kind.version) {
    return WithField(
        absl::NotFoundError(absl::StrCat(
            model, " has no version \"", absl::CHexEscape(version), "\"",
            found.kind.version.empty() ? "" : absl::StrCat("; it has ", found.kind.version))),
        "model_version");
  }
  return found;
}

absl::StatusOr<bool> OpenInferenceService::IsReady(const std::string& model,
                                                   const std::string& version) const {
  ASSIGN_OR_RETURN(const Model found, Find(model, version));
  if (!found.is_graph) {
    const Executor::Runners runners = executor_.runners();
    const auto runner = runners.find(model);
    return runner != runners.end() && runner->second->status().num_healthy() > 0;
  }
  ASSIGN_OR_RETURN(const GraphStatus status, executor_.DescribeGraph(model));
  for (size_t i = 0; i < status.nodes.size(); ++i) {
    const ModelTask task = status.graph->nodes()[i].operation->task();
    if (status.nodes[i].runner.num_healthy(task) == 0) return false;
  }
  return true;
}

absl::StatusOr<ModelDescription> OpenInferenceService::DescribeModel(
    const std::string& model, const std::string& version) const {
  ASSIGN_OR_RETURN(const Model found, Find(model, version));
  ModelDescription metadata;
  metadata.set_name(model);
  if (!found.kind.version.empty()) metadata.add_versions(found.kind.version);
  metadata.set_platform("chorus");
  AddTensor(kTextInput, "BYTES", {-1}, *metadata.mutable_inputs());
  Tensors& outputs = *metadata.mutable_outputs();
  if (found.is_graph) {
    AddTensor("generated", "BYTES", {-1}, outputs);
    AddTensor("score", "FP64", {-1}, outputs);
    AddTensor("label", "BYTES", {-1}, outputs);
    return metadata;
  }
  switch (found.kind.task) {
    case ModelTask::kUnknown:
      return absl::UnavailableError(
          absl::StrCat("no replica of ", model, " has told its model yet"));
    case ModelTask::kGenerate:
      AddTensor("text_output", "BYTES", {-1}, outputs);
      return metadata;
    case ModelTask::kClassify:
      AddTensor("text_pair", "BYTES", {-1}, *metadata.mutable_inputs());
      AddTensor("label", "BYTES", {-1}, outputs);
      AddTensor("score", "FP64", {-1}, outputs);
      AddTensor("scores", "FP64", {-1, SizeOrAny(found.kind.labels.size())}, outputs);
      return metadata;
    case ModelTask::kEmbed:
      AddTensor("embedding", "FP32", {-1, SizeOrAny(found.kind.dimensions)}, outputs);
      return metadata;
  }
  return absl::InternalError("an unknown task");
}

absl::Status OpenInferenceService::Infer(InferRequest request, Call call, Done<InferReply> done) {
  ASSIGN_OR_RETURN(const Model model, Find(request.model, request.version));
  ASSIGN_OR_RETURN(const ModelDescription told, DescribeModel(request.model, request.version));
  RETURN_IF_ERROR(CheckOutputs(request, told));
  InferReply head = {
      .model = request.model, .version = model.kind.version, .id = request.id, .outputs = {}};
  auto reply = [head = std::move(head), names = request.outputs,
                done = std::move(done)](absl::StatusOr<std::vector<OutputTensor>> outputs) mutable {
    if (!outputs.ok()) return std::move(done)(std::move(outputs).status());
    head.outputs = Chosen(*std::move(outputs), names);
    std::move(done)(std::move(head));
  };
  if (model.is_graph) return RunGraph(service_, request, std::move(call), std::move(reply));
  const auto run = model.kind.task == ModelTask::kGenerate   ? RunGenerator
                   : model.kind.task == ModelTask::kClassify ? RunClassifier
                                                             : RunEmbedder;
  return run(service_, request, std::move(call), std::move(reply));
}

absl::Status OpenInferenceService::Stream(const InferRequest& request, Call call,
                                          std::shared_ptr<EventQueue> events) {
  ASSIGN_OR_RETURN(const Model model, Find(request.model, request.version));
  const auto stream = model.is_graph ? StreamGraph : StreamGenerator;
  return stream(service_, request, std::move(call), std::move(events));
}

absl::Status OpenInferenceService::ServerLive(inference::ServerLiveRequest, Call,
                                              Done<inference::ServerLiveResponse> done) {
  inference::ServerLiveResponse response;
  response.set_live(true);
  std::move(done)(std::move(response));
  return absl::OkStatus();
}

absl::Status OpenInferenceService::ServerReady(inference::ServerReadyRequest, Call,
                                               Done<inference::ServerReadyResponse> done) {
  inference::ServerReadyResponse response;
  response.set_ready(is_ready());
  std::move(done)(std::move(response));
  return absl::OkStatus();
}

absl::Status OpenInferenceService::ModelReady(inference::ModelReadyRequest request, Call,
                                              Done<inference::ModelReadyResponse> done) {
  inference::ModelReadyResponse response;
  ASSIGN_OR_RETURN(const bool ready, IsReady(request.name(), request.version()));
  response.set_ready(ready);
  std::move(done)(std::move(response));
  return absl::OkStatus();
}

absl::Status OpenInferenceService::ServerMetadata(inference::ServerMetadataRequest, Call,
                                                  Done<inference::ServerMetadataResponse> done) {
  std::move(done)(DescribeServer());
  return absl::OkStatus();
}

absl::Status OpenInferenceService::ModelMetadata(inference::ModelMetadataRequest request, Call,
                                                 Done<ModelDescription> done) {
  ASSIGN_OR_RETURN(ModelDescription told, DescribeModel(request.name(), request.version()));
  std::move(done)(std::move(told));
  return absl::OkStatus();
}

absl::Status OpenInferenceService::ModelInfer(inference::ModelInferRequest request, Call call,
                                              Done<inference::ModelInferResponse> done) {
  ASSIGN_OR_RETURN(InferRequest infer, FromProto(request));
  const bool raw = !request.raw_input_contents().empty();
  return Infer(std::move(infer), std::move(call),
               [raw, done = std::move(done)](const absl::StatusOr<InferReply>& reply) mutable {
                 if (!reply.ok()) return std::move(done)(reply.status());
                 std::move(done)(ToProto(*reply, raw));
               });
}

void OpenInferenceService::Register(MethodRegistry& registry) {
  const auto add = [&](const char* name, auto method) {
    registry.Add(absl::StrCat("inference.GRPCInferenceService.", name), *this, method);
  };
  add("ServerLive", &OpenInferenceService::ServerLive);
  add("ServerReady", &OpenInferenceService::ServerReady);
  add("ModelReady", &OpenInferenceService::ModelReady);
  add("ServerMetadata", &OpenInferenceService::ServerMetadata);
  add("ModelMetadata", &OpenInferenceService::ModelMetadata);
  add("ModelInfer", &OpenInferenceService::ModelInfer);
}

}  // namespace chorus::gateway
