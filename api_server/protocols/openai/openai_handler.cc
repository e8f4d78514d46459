#include "api_server/protocols/openai/openai_handler.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/front/event_stream.h"
#include "api_server/front/public_error.h"
#include "api_server/protocols/call_parts.h"
#include "api_server/protocols/event_merger.h"
#include "api_server/protocols/fan_out.h"
#include "api_server/protocols/json_fields.h"
#include "api_server/protocols/served_models.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/percent_encoding.h"
#include "base/error_details.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kCompletions = "/v1/completions";
constexpr std::string_view kEmbeddings = "/v1/embeddings";
constexpr std::string_view kModels = "/v1/models";
constexpr std::string_view kModel = "/v1/models/{id}";
constexpr char kJson[] = "application/json";

// Prompts of one request that are written at once.
constexpr int kMostAtOnce = 32;

HttpReply JsonReply(std::string body) { return {.content_type = kJson, .body = std::move(body)}; }

HttpReply ErrorReplyOf(const absl::Status& error, std::string_view request_id) {
  return ToErrorReply(error, request_id, OpenAiErrorJson);
}

Json ModelJson(const std::string& id, int64_t created) {
  return {{"id", id}, {"object", "model"}, {"created", created}, {"owned_by", "chorus"}};
}

// A call of several prompts: their replies, in order.
template <typename Response>
struct Replies {
  std::vector<Response> of_prompts;
  CompletionReply reply;
  Call call;
};

// Stores a prompt's reply.
template <typename Response>
auto Keep(std::shared_ptr<Replies<Response>> replies, int index, const Call& part, CallDone done) {
  return [replies = std::move(replies), index, notes = part.notes,
          done = std::move(done)](absl::StatusOr<Response> response) mutable {
    AddNotes(*notes, *replies->call.notes);
    absl::Status status = response.status();
    if (response.ok()) replies->of_prompts[index] = *std::move(response);
    std::move(done)(std::move(status));
  };
}

}  // namespace

HttpReply OpenAiHandler::ErrorReply(const absl::Status& error, std::string_view request_id) const {
  return ErrorReplyOf(error, request_id);
}

HttpRoute OpenAiHandler::Match(const HttpRequest& head) const {
  const std::string_view path = head.path();
  const auto post = [&](std::string_view endpoint, auto method) {
    HttpRoute route = {.endpoint = endpoint};
    route.handle = [this, method](const HttpRequest& request, Call call, HttpRoute::Done done) {
      return (this->*method)(request, std::move(call), std::move(done));
    };
    if (head.method != "POST") {
      route.refusal =
          MethodNotAllowedError(absl::StrCat(AbslView(endpoint), " takes POST"), {"POST"});
    }
    return route;
  };
  if (path == kCompletions) return post(kCompletions, &OpenAiHandler::Complete);
  if (path == kEmbeddings) return post(kEmbeddings, &OpenAiHandler::Embed);
  const bool is_one = path.starts_with(kModels) && path.substr(kModels.size()).starts_with('/') &&
                      path.find(':') == std::string_view::npos;
  if (path != kModels && !is_one) return {.refusal = absl::NotFoundError("no route of OpenAI's")};
  HttpRoute route = {.endpoint = is_one ? kModel : kModels};
  if (head.method != "GET" && head.method != "HEAD") {
    route.refusal = MethodNotAllowedError(
        absl::StrCat(AbslView(route.endpoint), " takes GET and HEAD"), {"GET", "HEAD"});
  }
  route.handle = [this, is_one](const HttpRequest& request, const Call&, HttpRoute::Done done) {
    if (!is_one) {
      std::move(done)(ModelsReply());
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(HttpReply reply,
                     ModelReply(std::string(request.path().substr(kModels.size() + 1))));
    std::move(done)(std::move(reply));
    return absl::OkStatus();
  };
  return route;
}

HttpReply OpenAiHandler::ModelsReply() const {
  Json data = Json::array();
  for (const std::string& name : ServedNames(executor_)) data.push_back(ModelJson(name, created_));
  return JsonReply(Json{{"object", "list"}, {"data", std::move(data)}}.dump());
}

absl::StatusOr<HttpReply> OpenAiHandler::ModelReply(const std::string& encoded) const {
  ASSIGN_OR_RETURN(const std::string model, DecodePathSegment(encoded));
  RETURN_IF_ERROR(IsGraph(executor_, model).status());
  return JsonReply(ModelJson(model, created_).dump());
}

absl::Status OpenAiHandler::Complete(const HttpRequest& request, Call call,
                                     HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(CompletionRequest completion, ParseCompletionRequest(request.body));
  ASSIGN_OR_RETURN(completion.is_graph, IsGraph(executor_, completion.model));
  CompletionReply reply(call.request_id, absl::ToUnixSeconds(absl::Now()), std::move(completion));
  if (reply.request().stream) return Stream(reply, std::move(call), std::move(done));
  const int num_prompts = static_cast<int>(reply.request().prompts.size());
  const std::stop_token stop = call.stop;
  const auto run = [&]<typename Response>(std::type_identity<Response>, auto begin, auto write) {
    auto replies = std::make_shared<Replies<Response>>(
        Replies<Response>{std::vector<Response>(num_prompts), std::move(reply), std::move(call)});
    FanOut(
        num_prompts, kMostAtOnce, stop,
        [replies, begin](int index, std::stop_token stop, CallDone ended) {
          Call part = PartOf(replies->call, std::move(stop));
          auto keep = Keep(replies, index, part, std::move(ended));
          return begin(replies->reply.request(), index, std::move(part), std::move(keep));
        },
        [replies, write, done = std::move(done)](const absl::Status& status) mutable {
          if (!status.ok()) {
            return std::move(done)(ErrorReplyOf(status, replies->call.request_id));
          }
          std::move(done)(JsonReply(write(*replies)));
        });
    return absl::OkStatus();
  };
  if (reply.request().is_graph) {
    return run(
        std::type_identity<v1::RunGraphResponse>(),
        [this](const CompletionRequest& of, int index, Call part, auto keep) -> absl::Status {
          ASSIGN_OR_RETURN(v1::RunGraphRequest run, ForGraph(of, of.prompts[index]));
          return service_.RunGraph(std::move(run), std::move(part), std::move(keep));
        },
        [](Replies<v1::RunGraphResponse>& replies) {
          const CallUsage usage = replies.call.notes->usage.Get();
          return replies.reply.Json(replies.of_prompts,
                                    {usage.prompt_tokens, usage.generated_tokens});
        });
  }
  return run(
      std::type_identity<v1::GenerateResponse>(),
      [this](const CompletionRequest& of, int index, Call part, auto keep) {
        return service_.Generate(of.prompts[index], std::move(part), std::move(keep));
      },
      [](Replies<v1::GenerateResponse>& replies) {
        return replies.reply.Json(std::move(replies.of_prompts));
      });
}

absl::Status OpenAiHandler::Stream(const CompletionReply& reply, Call call,
                                   HttpRoute::Done done) const {
  const auto request = std::make_shared<const CompletionRequest>(reply.request());
  const int num_prompts = static_cast<int>(request->prompts.size());
  if (request->is_graph && num_prompts > 1) {
    return FieldError("prompt", "must be one text in a graph's stream");
  }
  if (request->echo && !request->prompts[0].prompt_ids().empty()) {
    return FieldError("echo", "must be false in the stream of a prompt of token ids");
  }
  const auto begin = [this, request](int index, Call part,
                                     std::shared_ptr<EventQueue> events) -> absl::Status {
    if (!request->is_graph) {
      return service_.StreamGenerate(request->prompts[index], std::move(part), std::move(events));
    }
    ASSIGN_OR_RETURN(v1::RunGraphRequest run, ForGraph(*request, request->prompts[index]));
    return service_.StreamRunGraph(std::move(run), std::move(part), std::move(events));
  };
  const auto events = std::make_shared<EventQueue>();
  std::string request_id = call.request_id;
  if (num_prompts == 1) {
    RETURN_IF_ERROR(begin(0, std::move(call), events));
  } else {
    const auto merger =
        std::make_shared<EventMerger>(events, request->prompts[0].num_return_sequences());
    const std::stop_token stop = call.stop;
    FanOut(
        num_prompts, kMostAtOnce, stop,
        [begin, merger, call = std::move(call)](int index, std::stop_token stop,
                                                CallDone ended) -> absl::Status {
          const auto part = std::make_shared<EventQueue>();
          RETURN_IF_ERROR(begin(index, PartOf(call, std::move(stop)), part));
          merger->Add(index, part, std::move(ended));
          return absl::OkStatus();
        },
        [merger](absl::Status status) { merger->End(std::move(status)); });
  }
  const auto writer = std::make_shared<ChunkWriter>(reply);
  const EventFraming framing = {
      .content_type = "text/event-stream",
      .heartbeat = ": heartbeat\n\n",
      .write = [writer](const v1::StreamEvent& event) { return writer->Write(event); }};
  std::move(done)(StreamReply(events, framing, std::move(request_id)));
  return absl::OkStatus();
}

absl::Status OpenAiHandler::Embed(const HttpRequest& request, Call call,
                                  HttpRoute::Done done) const {
  ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Parse(request.body));
  v1::EmbedRequest embed;
  embed.set_model(fields.String("model").value_or(""));
  for (std::string& text : fields.Strings("input")) embed.add_texts(std::move(text));
  const std::string format = fields.String("encoding_format").value_or("float");
  if (const auto dimensions = fields.Integer("dimensions", 1, INT32_MAX)) {
    embed.set_dimensions(static_cast<uint32_t>(*dimensions));
  }
  fields.Ignore({"user"});
  if (embed.model().empty()) fields.Refuse("model", "is missing");
  if (embed.texts().empty()) {
    fields.Refuse("input", "must be a string or an array of strings, at least one");
  }
  const bool in_bytes = format == "base64";
  if (format != "float" && !in_bytes) fields.Refuse("encoding_format", "must be float or base64");
  RETURN_IF_ERROR(fields.Done());
  RETURN_IF_ERROR(IsGraph(executor_, embed.model()).status());
  if (in_bytes) embed.set_format(v1::EMBEDDING_FORMAT_BYTES);
  const std::string request_id = call.request_id;
  return service_.Embed(
      embed, std::move(call),
      [model = embed.model(), in_bytes, request_id,
       done = std::move(done)](const absl::StatusOr<v1::EmbedResponse>& response) mutable {
        if (!response.ok()) return std::move(done)(ErrorReplyOf(response.status(), request_id));
        Json data = Json::array();
        uint64_t num_tokens = 0;
        for (const v1::Embedding& result : response->results()) {
          Json entry = {{"object", "embedding"}, {"index", data.size()}};
          if (in_bytes) {
            entry["embedding"] = absl::Base64Escape(result.data());
          } else {
            entry["embedding"] = std::vector<float>(result.values().begin(), result.values().end());
          }
          num_tokens += result.num_tokens();
          data.push_back(std::move(entry));
        }
        std::move(done)(
            JsonReply(Json{{"object", "list"},
                           {"data", std::move(data)},
                           {"model", model},
                           {"usage", {{"prompt_tokens", num_tokens}, {"total_tokens", num_tokens}}}}
                          .dump()));
      });
}

}  // namespace chorus::gateway
