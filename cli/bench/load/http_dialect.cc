#include "cli/bench/load/http_dialect.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace chorus::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxBodyBytes = 64 << 20;
constexpr size_t kMaxMessageBytes = 300;

std::string PathOf(const Question& question) {
  switch (question.protocol) {
    case Protocol::kOpenAi:
      return "/completions";
    case Protocol::kOpenAiChat:
      return "/chat/completions";
    default:
      break;
  }
  const bool is_stream = question.protocol == Protocol::kSse;
  switch (question.subject) {
    case Subject::kGraph:
      return absl::StrCat("/v1/graphs/", question.name, is_stream ? ":streamRun" : ":run");
    case Subject::kGenerator:
      return absl::StrCat("/v1/models/", question.name,
                          is_stream ? ":streamGenerate" : ":generate");
    case Subject::kClassifier:
      return absl::StrCat("/v1/models/", question.name, ":classify");
    case Subject::kEmbedder:
      return absl::StrCat("/v1/models/", question.name, ":embed");
  }
  return "";
}

std::string HeadOf(const Question& question, const ServerUrl& url) {
  const std::string prefix = url.path.empty() && IsOpenAi(question.protocol) ? "/v1" : url.path;
  std::string head = absl::StrCat(
      "POST ", prefix, PathOf(question), " HTTP/1.1\r\nHost: ", url.host_port.ToString(),
      "\r\nContent-Type: application/json\r\nAccept: ",
      IsStreamed(question) ? "text/event-stream" : "application/json", "\r\n");
  if (IsOpenAi(question.protocol)) {
    if (const char* key = std::getenv("OPENAI_API_KEY"); key != nullptr && *key != '\0') {
      absl::StrAppend(&head, "Authorization: Bearer ", key, "\r\n");
    }
  } else {
    absl::StrAppend(&head, "X-Request-Timeout-Ms: ", absl::ToInt64Milliseconds(question.timeout),
                    "\r\n");
  }
  for (const std::string& header : question.headers) absl::StrAppend(&head, header, "\r\n");
  return head + "Content-Length: ";
}

uint32_t Unsigned(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_number_unsigned()) return 0;
  return static_cast<uint32_t>(std::min<uint64_t>(it->get<uint64_t>(), UINT32_MAX));
}

// Where the key has none: the name of the model, which has no branches.
std::string Text(const Json& json, const char* key, const std::string& otherwise) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : otherwise;
}

const Json& Member(const Json& json, const char* key) {
  static const Json kNone;
  const auto it = json.find(key);
  return it == json.end() ? kNone : *it;
}

// New tokens of a text, as far as it tells: a model's does, a graph's with `explain`.
uint32_t TokensOfText(const Json& json) {
  if (json.contains("generated_tokens")) return Unsigned(json, "generated_tokens");
  return Unsigned(Member(json, "timing"), "generated_tokens");
}

// New tokens of a whole reply: of a graph, which has results, or is an array of them where it has
// nothing else; of a model, which may have others; of OpenAI's, which has usage.
uint32_t TokensOf(const Json& json) {
  if (json.contains("usage")) return Unsigned(json["usage"], "completion_tokens");
  uint32_t count = TokensOfText(json);
  for (const Json* texts : {&json, &Member(json, "results"), &Member(json, "others")}) {
    if (!texts->is_array()) continue;
    for (const Json& text : *texts) count += TokensOfText(text);
  }
  return count;
}

// The words of an error as Chorus, OpenAI, vLLM and FastAPI have them; their first 300 bytes.
std::string ErrorMessage(const Json& json) {
  const Json& error = Member(json, "error");
  std::string message = error.is_string() ? error.get<std::string>()
                                          : Text(error.is_object() ? error : json, "message",
                                                 Text(json, "detail", ""));
  if (message.size() > kMaxMessageBytes) {
    message.resize(kMaxMessageBytes);
    while (FindInvalidUtf8(message) != std::string::npos) message.pop_back();  // Cut in one.
  }
  return message;
}

}  // namespace

HttpDialect::HttpDialect(const Question& question, const ServerUrl& url)
    : protocol_(question.protocol),
      is_streamed_(IsStreamed(question)),
      subject_(question.subject),
      name_(question.name),
      constant_(Json::object()),
      head_(HeadOf(question, url)) {
  if (IsOpenAi(protocol_)) {
    constant_["model"] = question.name;
    constant_["stream"] = is_streamed_;
    if (is_streamed_) constant_["stream_options"] = {{"include_usage", true}};
  }
  constant_.update(question.parameters);
}

std::string HttpDialect::Request(const Call& call) const {
  const std::string body = Body(call);
  return absl::StrCat(head_, body.size(), "\r\n\r\n", body);
}

// The parameters of the command line win.
std::string HttpDialect::Body(const Call& call) const {
  Json body = constant_;
  const auto set = [&](const char* key, Json value) {
    if (!body.contains(key)) body[key] = std::move(value);
  };
  if (protocol_ == Protocol::kOpenAiChat) {
    set("messages", Json::array({{{"role", "user"}, {"content", call.text}}}));
  } else if (!Generates(subject_)) {
    body["texts"] = Json::array({call.text});
  } else {
    body[protocol_ == Protocol::kOpenAi ? "prompt" : "text"] = call.text;
  }
  if (Generates(subject_)) {
    set("seed", call.seed);
    if (call.output_tokens) {
      set(IsOpenAi(protocol_) ? "max_tokens" : "max_new_tokens", *call.output_tokens);
      set("ignore_eos", true);
    }
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void ReplyReader::Begin(CallRecord& record) {
  record_ = &record;
  events_.Reset();
  body_.clear();
  is_done_ = false;
  num_finished_ = 0;
  usage_tokens_ = 0;
}

void ReplyReader::OnBody(int code, std::string_view bytes, absl::Duration now) {
  if (code != 200 || !dialect_.is_streamed()) {
    if (body_.size() < kMaxBodyBytes) body_ += bytes;
    return;
  }
  events_.Append(bytes, [&](std::string_view event, std::string_view data) {
    if (IsOpenAi(dialect_.protocol())) {
      OnOpenAiEvent(data, now);
    } else {
      OnChorusEvent(event, data, now);
    }
  });
}

void ReplyReader::OnChorusEvent(std::string_view event, std::string_view data, absl::Duration now) {
  const Json json = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  const std::string branch = Text(json, "branch", dialect_.name());
  if (event == "token") {
    record_->OnTokens(branch, Unsigned(json, "index"), Unsigned(json, "num_tokens"), now);
  } else if (event == "score") {
    record_->OnScore(branch, Unsigned(json, "index"), now);
  } else if (event == "done") {
    is_done_ = true;
  } else if (event == "error") {
    const int code = static_cast<int>(Unsigned(json, "code"));
    record_->Fail(code == 200 ? Outcome::kFailed : OutcomeOfHttp(code),
                  absl::StrCat(code, " in a stream"), ErrorMessage(json));
  }
}

// A piece of text is taken for a token, as the servers send them; `usage` then tells how many it
// were in all.
void ReplyReader::OnOpenAiEvent(std::string_view data, absl::Duration now) {
  if (data == "[DONE]") {
    is_done_ = true;
    return;
  }
  const Json json = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  if (!Member(json, "error").is_null()) {
    record_->Fail(Outcome::kFailed, "error in a stream", ErrorMessage(json));
    return;
  }
  if (const Json& usage = Member(json, "usage"); usage.is_object()) {
    usage_tokens_ = Unsigned(usage, "completion_tokens");
  }
  const Json& choices = Member(json, "choices");
  if (!choices.is_array()) return;
  for (const Json& choice : choices) {
    const Json& delta = Member(choice, "delta");  // Of a chat.
    const std::string text =
        delta.is_object() ? Text(delta, "content", "") : Text(choice, "text", "");
    if (!text.empty()) record_->OnTokens(dialect_.name(), Unsigned(choice, "index"), 1, now);
    if (Member(choice, "finish_reason").is_string()) ++num_finished_;
  }
}

void ReplyReader::OnEnd(int code) {
  if (code != 200) {
    OnError(code);
  } else if (!dialect_.is_streamed()) {
    OnWhole();
  } else if (record_->status.empty()) {  // Else an event has said what is wrong.
    // llama-cpp-python breaks off the stream of one client for another, and sends the end's mark.
    const bool is_cut =
        IsOpenAi(dialect_.protocol()) && num_finished_ < std::max<size_t>(1, record_->texts.size());
    if (!is_done_ || is_cut) {
      record_->Fail(Outcome::kFailed, "200, cut", "the stream ended before its time");
      return;
    }
    if (usage_tokens_ > 0) record_->num_tokens = usage_tokens_;
    OnOk();
  }
}

void ReplyReader::OnWhole() {
  const Json json = Json::parse(body_, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    record_->Fail(Outcome::kFailed, "200, no JSON", "the reply is no JSON");
    return;
  }
  if (!Member(json, "error").is_null()) {
    record_->Fail(Outcome::kFailed, "200, an error", ErrorMessage(json));
    return;
  }
  record_->num_tokens = TokensOf(json);
  OnOk();
}

void ReplyReader::OnOk() {
  record_->outcome = Outcome::kOk;
  record_->status = "200";
}

void ReplyReader::OnError(int code) {
  const Json json = Json::parse(body_, nullptr, /*allow_exceptions=*/false);
  record_->Fail(OutcomeOfHttp(code), absl::StrCat(code), ErrorMessage(json));
}

}  // namespace chorus::bench
