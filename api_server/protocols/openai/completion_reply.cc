#include "api_server/protocols/openai/completion_reply.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server/transcoding/http_status.h"
#include "base/error_details.h"
#include "google/rpc/error_details.pb.h"

namespace chorus::gateway {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const char* FinishReason(v1::FinishReason reason) {
  return reason == v1::FINISH_REASON_STOP || reason == v1::FINISH_REASON_STOP_STRING ? "stop"
                                                                                     : "length";
}

const char* ErrorType(int http_status) {
  switch (http_status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return http_status < 500 ? "invalid_request_error" : "server_error";
  }
}

Json ErrorOf(const std::string& message, int http_status) {
  Json error = {{"message", message},
                {"type", ErrorType(http_status)},
                {"param", nullptr},
                {"code", nullptr}};
  if (http_status == 404) error["code"] = "model_not_found";
  return error;
}

// The parts of OpenAI's `logprobs`, token by token.
class LogprobsWriter {
 public:
  void Add(const v1::Logprobs& logprobs) {
    for (const v1::TokenLogprob& token : logprobs.tokens()) {
      tokens_.push_back(token.text());
      offsets_.push_back(offset_);
      // Characters, of which a token's bytes may be a part: as Python counts them.
      offset_ += std::ranges::count_if(token.text(), [](char c) { return (c & 0xC0) != 0x80; });
      if (!token.has_logprob()) {
        values_.push_back(nullptr);
        tops_.push_back(nullptr);
        continue;
      }
      values_.push_back(token.logprob());
      Json top = Json::object();
      for (const v1::TopLogprob& likely : token.top()) top[likely.text()] = likely.logprob();
      tops_.push_back(std::move(top));
    }
  }

  Json Take() {
    return {{"tokens", std::move(tokens_)},
            {"token_logprobs", std::move(values_)},
            {"top_logprobs", std::move(tops_)},
            {"text_offset", std::move(offsets_)}};
  }

 private:
  Json tokens_ = Json::array(), values_ = Json::array(), tops_ = Json::array(),
       offsets_ = Json::array();
  int64_t offset_ = 0;
};

// The natural logarithm of the probability, for each token on average.
double Likelihood(const v1::Logprobs& logprobs) {
  double sum = 0;
  for (const v1::TokenLogprob& token : logprobs.tokens()) sum += token.logprob();
  return sum / std::max(logprobs.tokens_size(), 1);
}

Json UsageJson(const CompletionReply::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

// The texts of a prompt, the first with the others.
std::vector<v1::GeneratedText> TextsOf(v1::GenerateResponse& response) {
  v1::GeneratedText first;
  first.set_generated(std::move(*response.mutable_generated()));
  first.set_finish_reason(response.finish_reason());
  first.set_generated_tokens(response.generated_tokens());
  *first.mutable_logprobs() = std::move(*response.mutable_logprobs());
  std::vector<v1::GeneratedText> texts = {std::move(first)};
  std::ranges::move(*response.mutable_others(), std::back_inserter(texts));
  return texts;
}

}  // namespace

std::string OpenAiErrorJson(const absl::Status& error) {
  const int http_status = HttpStatus(error);
  Json json = ErrorOf(std::string(error.message()), http_status);
  const google::rpc::Status details = ToRpcStatus(error);
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&bad) && bad.field_violations_size() > 0) {
      json["param"] = bad.field_violations(0).field();
    }
  }
  return Dump({{"error", std::move(json)}});
}

CompletionReply::CompletionReply(std::string id, int64_t created, const CompletionRequest& request)
    : id_(std::move(id)), created_(created), request_(request) {}

nlohmann::ordered_json CompletionReply::Head() const {
  return {{"id", absl::StrCat("cmpl-", id_)},
          {"object", "text_completion"},
          {"created", created_},
          {"model", request_.model}};
}

std::string CompletionReply::Json(std::vector<v1::GenerateResponse> responses) const {
  nlohmann::ordered_json choices = nlohmann::ordered_json::array();
  Usage usage;
  for (v1::GenerateResponse& response : responses) {
    std::vector<v1::GeneratedText> texts = TextsOf(response);
    usage.prompt_tokens += response.prompt_tokens();
    for (const v1::GeneratedText& text : texts) usage.completion_tokens += text.generated_tokens();
    if (std::ssize(texts) > request_.num_choices) {
      std::ranges::stable_sort(texts, std::ranges::greater(), [](const v1::GeneratedText& text) {
        return Likelihood(text.logprobs());
      });
    }
    texts.resize(request_.num_choices);
    for (int i = 0; i < request_.num_choices * request_.num_copies; ++i) {
      const v1::GeneratedText& text = texts[i / request_.num_copies];
      nlohmann::ordered_json choice = {{"text", text.generated()},
                                       {"index", choices.size()},
                                       {"logprobs", nullptr},
                                       {"finish_reason", FinishReason(text.finish_reason())}};
      if (request_.logprobs) {
        LogprobsWriter logprobs;
        if (request_.echo) logprobs.Add(response.prompt_logprobs());
        logprobs.Add(text.logprobs());
        choice["logprobs"] = logprobs.Take();
      }
      choices.push_back(std::move(choice));
    }
  }
  nlohmann::ordered_json reply = Head();
  reply["choices"] = std::move(choices);
  reply["usage"] = UsageJson(usage);
  return Dump(reply);
}

std::string CompletionReply::Json(const std::vector<v1::RunGraphResponse>& responses,
                                  const Usage& usage) const {
  nlohmann::ordered_json choices = nlohmann::ordered_json::array();
  for (size_t i = 0; i < responses.size(); ++i) {
    const size_t prompt_bytes = request_.echo ? 0 : request_.prompts[i].text().size();
    for (const v1::ScoredText& text : responses[i].results()) {
      for (int copy = 0; copy < request_.num_copies; ++copy) {
        choices.push_back({{"text", text.generated().substr(prompt_bytes)},
                           {"index", choices.size()},
                           {"logprobs", nullptr},
                           {"finish_reason", FinishReason(text.finish_reason())},
                           {"score", text.score()},
                           {"label", text.label()},
                           {"model", text.model()}});
      }
    }
  }
  nlohmann::ordered_json reply = Head();
  reply["choices"] = std::move(choices);
  reply["usage"] = UsageJson(usage);
  return Dump(reply);
}

std::string ChunkWriter::WriteChoice(uint32_t index, const nlohmann::ordered_json& choice) const {
  const auto num_copies = static_cast<uint32_t>(reply_.request().num_copies);
  std::string chunks;
  for (uint32_t i = index * num_copies; i < (index + 1) * num_copies; ++i) {
    nlohmann::ordered_json chunk = reply_.Head();
    nlohmann::ordered_json all = {
        {"text", ""}, {"index", i}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
    all.update(choice);
    chunk["choices"] = nlohmann::ordered_json::array({std::move(all)});
    if (reply_.request().include_usage) chunk["usage"] = nullptr;
    absl::StrAppend(&chunks, "data: ", Dump(chunk), "\n\n");
  }
  return chunks;
}

std::string ChunkWriter::WriteToken(const v1::TokenEvent& token) {
  const CompletionRequest& request = reply_.request();
  std::string text = token.text();
  if (begun_.insert(token.index()).second && request.echo) {
    const size_t prompt =
        request.is_graph ? 0 : token.index() / request.prompts[0].num_return_sequences();
    text = request.prompts[prompt].text() + text;
  }
  nlohmann::ordered_json choice = {{"text", std::move(text)}};
  if (token.has_finish_reason()) choice["finish_reason"] = FinishReason(token.finish_reason());
  if (request.logprobs && (token.has_logprobs() || token.has_prompt_logprobs())) {
    LogprobsWriter logprobs;
    if (request.echo) logprobs.Add(token.prompt_logprobs());
    logprobs.Add(token.logprobs());
    choice["logprobs"] = logprobs.Take();
  }
  return WriteChoice(token.index(), choice);
}

std::string ChunkWriter::WriteDone(const v1::DoneEvent& done) const {
  const CompletionRequest& request = reply_.request();
  std::string last;
  if (request.include_usage) {
    nlohmann::ordered_json chunk = reply_.Head();
    chunk["choices"] = nlohmann::ordered_json::array();
    // The event counts a prompt for each of its texts.
    const uint32_t times = request.is_graph ? 1 : request.prompts[0].num_return_sequences();
    chunk["usage"] = UsageJson({done.prompt_tokens() / times, done.generated_tokens()});
    last = absl::StrCat("data: ", Dump(chunk), "\n\n");
  }
  return last + "data: [DONE]\n\n";
}

std::string ChunkWriter::Write(const v1::StreamEvent& event) {
  switch (event.event_case()) {
    case v1::StreamEvent::kToken:
      // A text that only others continue is no choice.
      return event.token().has_index() ? WriteToken(event.token()) : "";
    case v1::StreamEvent::kScore:
      return WriteChoice(event.score().index(), {{"score", event.score().score()},
                                                 {"label", event.score().label()},
                                                 {"branch", event.score().branch()}});
    case v1::StreamEvent::kError:
      return absl::StrCat("data: ",
                          Dump({{"error", ErrorOf(event.error().message(),
                                                  static_cast<int>(event.error().code()))}}),
                          "\n\n");
    case v1::StreamEvent::kDone:
      return WriteDone(event.done());
    case v1::StreamEvent::EVENT_NOT_SET:
      return "";
  }
  return "";
}

}  // namespace chorus::gateway
