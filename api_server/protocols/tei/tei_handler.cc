#include "api_server/protocols/tei/tei_handler.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/front/public_error.h"
#include "api_server/protocols/served_models.h"
#include "api_server/protocols/tei/tei_request.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/percent_encoding.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPrefix = "/tei/";

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

HttpReply JsonReply(const Json& json) {
  return {.content_type = "application/json", .body = Dump(json)};
}

const char* ErrorType(int http_status) {
  if (http_status == 429) return "Overloaded";
  if (http_status == 503) return "Unhealthy";
  return http_status < 500 ? "Validation" : "Backend";
}

std::string TeiErrorJson(const absl::Status& error) {
  return Dump(
      {{"error", std::string(error.message())}, {"error_type", ErrorType(HttpStatus(error))}});
}

HttpReply ErrorReplyOf(const absl::Status& error, std::string_view request_id) {
  return ToErrorReply(error, request_id, TeiErrorJson);
}

const char* NameOf(ModelTask task) { return task == ModelTask::kEmbed ? "embedder" : "classifier"; }

const char* NameOf(v1::Pooling pooling) {
  if (pooling == v1::POOLING_POOLER) return "pooler";
  return pooling == v1::POOLING_CLS ? "cls" : "mean";
}

// The labels of a text, the highest score first.
Json Predictions(const v1::Classification& result, std::optional<int64_t> top_k) {
  std::vector<const v1::LabelScore*> labels;
  for (const v1::LabelScore& label : result.scores()) labels.push_back(&label);
  std::ranges::stable_sort(labels, std::ranges::greater(),
                           [](const v1::LabelScore* label) { return label->score(); });
  if (top_k && *top_k < std::ssize(labels)) labels.resize(static_cast<size_t>(*top_k));
  Json predictions = Json::array();
  for (const v1::LabelScore* label : labels) {
    predictions.push_back({{"score", label->score()}, {"label", label->label()}});
  }
  return predictions;
}

Json TypeOf(const ModelKind& kind) {
  if (kind.task == ModelTask::kEmbed) {
    return {{"embedding", {{"pooling", NameOf(kind.pooling)}}}};
  }
  Json to_label = Json::object(), to_id = Json::object();
  for (size_t i = 0; i < kind.labels.size(); ++i) {
    to_label[std::to_string(i)] = kind.labels[i];
    to_id[kind.labels[i]] = i;
  }
  return {{"classifier", {{"id2label", std::move(to_label)}, {"label2id", std::move(to_id)}}}};
}

}  // namespace

HttpReply TeiHandler::ErrorReply(const absl::Status& error, std::string_view request_id) const {
  return ErrorReplyOf(error, request_id);
}

HttpRoute TeiHandler::Match(const HttpRequest& head) const {
  struct Entry {
    std::string_view path, below_model, method;
    decltype(&TeiHandler::Predict) handle;
  };
  static constexpr Entry kRoutes[] = {
      {"/predict", "/tei/{model}/predict", "POST", &TeiHandler::Predict},
      {"/embed", "/tei/{model}/embed", "POST", &TeiHandler::Embed},
      {"/info", "/tei/{model}/info", "GET", &TeiHandler::Info}};
  std::string_view path = head.path(), encoded;
  const bool names_model = path.starts_with(kPrefix);
  if (names_model) {
    path.remove_prefix(kPrefix.size());
    const size_t slash = std::min(path.find('/'), path.size());
    encoded = path.substr(0, slash);
    path.remove_prefix(slash);
  }
  const auto* found = std::ranges::find(kRoutes, path, &Entry::path);
  if (found == std::end(kRoutes) || (names_model && encoded.empty())) {
    return {.refusal = absl::NotFoundError("no route of TEI's")};
  }
  HttpRoute route = {.endpoint = names_model ? found->below_model : found->path};
  const bool is_get = found->method == "GET";
  if (head.method != found->method && !(is_get && head.method == "HEAD")) {
    route.refusal = MethodNotAllowedError(
        absl::StrCat(AbslView(route.endpoint), " takes ", AbslView(found->method)),
        is_get ? std::vector<std::string>{"GET", "HEAD"} : std::vector<std::string>{"POST"});
  }
  route.handle = [this, handle = found->handle, encoded = std::string(encoded)](
                     const HttpRequest& request, Call call, HttpRoute::Done done) -> absl::Status {
    ASSIGN_OR_RETURN(std::string model, DecodePathSegment(encoded));
    return (this->*handle)(std::move(model), request, std::move(call), std::move(done));
  };
  return route;
}

absl::StatusOr<std::string> TeiHandler::OnlyRunner(ModelTask task, std::string_view route) const {
  std::set<std::string> scorers;
  if (task == ModelTask::kClassify) {
    for (const GraphStatus& status : executor_.DescribeGraphs()) {
      if (!status.graph->output().writes()) scorers.insert(status.graph->output().runner);
    }
  }
  if (scorers.size() == 1) return *scorers.begin();
  const std::vector<std::string> runners = RunnersOf(executor_, task);
  if (runners.size() == 1) return runners[0];
  if (runners.empty()) {
    return absl::NotFoundError(absl::StrCat("no ", NameOf(task), " is served; there is ",
                                            absl::StrJoin(ServedNames(executor_), ", ")));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("several runners are meant, ", absl::StrJoin(runners, ", "),
                   ": name one, as in /tei/", runners[0], AbslView(route)));
}

absl::Status TeiHandler::Predict(std::string model, const HttpRequest& request, Call call,
                                 HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(PredictRequest predict, ParsePredictRequest(request.body));
  if (model.empty()) {
    ASSIGN_OR_RETURN(model, OnlyRunner(ModelTask::kClassify, "/predict"));
  }
  predict.classify.set_model(std::move(model));
  const std::string request_id = call.request_id;
  return service_.Classify(
      std::move(predict.classify), std::move(call),
      [is_batch = predict.is_batch, top_k = predict.top_k, request_id,
       done = std::move(done)](const absl::StatusOr<v1::ClassifyResponse>& response) mutable {
        if (!response.ok()) return std::move(done)(ErrorReplyOf(response.status(), request_id));
        Json all = Json::array();
        for (const v1::Classification& result : response->results()) {
          all.push_back(Predictions(result, top_k));
        }
        std::move(done)(JsonReply(is_batch ? all : all[0]));
      });
}

absl::Status TeiHandler::Embed(std::string model, const HttpRequest& request, Call call,
                               HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(v1::EmbedRequest embed, ParseEmbedRequest(request.body));
  if (model.empty()) {
    ASSIGN_OR_RETURN(model, OnlyRunner(ModelTask::kEmbed, "/embed"));
  }
  embed.set_model(std::move(model));
  const std::string request_id = call.request_id;
  return service_.Embed(
      std::move(embed), std::move(call),
      [request_id,
       done = std::move(done)](const absl::StatusOr<v1::EmbedResponse>& response) mutable {
        if (!response.ok()) return std::move(done)(ErrorReplyOf(response.status(), request_id));
        Json vectors = Json::array();
        for (const v1::Embedding& result : response->results()) {
          vectors.push_back(std::vector<float>(result.values().begin(), result.values().end()));
        }
        std::move(done)(JsonReply(vectors));
      });
}

absl::Status TeiHandler::Info(std::string model, const HttpRequest&, Call,
                              HttpRoute::Done done) const {
  if (model.empty()) {
    const absl::StatusOr<std::string> classifier = OnlyRunner(ModelTask::kClassify, "/info");
    const absl::StatusOr<std::string> embedder = OnlyRunner(ModelTask::kEmbed, "/info");
    if (classifier.ok() && embedder.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("/predict is of ", *classifier, " and /embed of ", *embedder,
                       ": name one, as in /tei/", *classifier, "/info"));
    }
    if (!classifier.ok() && !embedder.ok()) return classifier.status();
    model = classifier.ok() ? *classifier : *embedder;
  }
  const Executor::Runners runners = executor_.runners();
  const auto found = runners.find(model);
  if (found == runners.end()) return NoSuchModelError(executor_, model);
  const ModelKind kind = KindOf(found->second->status());
  if (kind.task == ModelTask::kUnknown) {
    return absl::UnavailableError(absl::StrCat("no replica of ", model, " has told its model yet"));
  }
  if (kind.task == ModelTask::kGenerate) {
    return absl::InvalidArgumentError(
        absl::StrCat(model, " is a generator, which TEI does not have"));
  }
  Json version = kind.version.empty() ? Json(nullptr) : Json(kind.version);
  std::move(done)(JsonReply({{"model_id", model},
                             {"model_sha", std::move(version)},
                             {"model_dtype", kind.dtype},
                             {"model_type", TypeOf(kind)},
                             {"max_input_length", kind.context_size},
                             {"max_client_batch_size", kMostInputs},
                             {"auto_truncate", true}}));
  return absl::OkStatus();
}

}  // namespace chorus::gateway
