#include "api_server/protocols/openai/completion_request.h"

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server/protocols/json_fields.h"
#include "base/error_details.h"
#include "base/generation_params.h"
#include "base/status_macros.h"
#include "glog/logging.h"

namespace chorus::gateway {
namespace {

constexpr int64_t kMostTokens = std::numeric_limits<uint32_t>::max();
constexpr int kMostSequences = 64;
constexpr uint32_t kDefaultNewTokens = 16;

// How OpenAI names a parameter of ours.
std::string OpenAiName(const std::string& field) {
  if (field == "max_new_tokens") return "max_tokens";
  if (field == "min_new_tokens") return "min_tokens";
  if (field == "num_return_sequences") return "n";
  return field;
}

// Whether it is an array of token ids, which are then `ids`.
bool AreIds(const nlohmann::json& value, google::protobuf::RepeatedField<int32_t>& ids) {
  if (!value.is_array() || value.empty()) return false;
  for (const nlohmann::json& id : value) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) return false;
    ids.Add(id.get<int32_t>());
  }
  return true;
}

bool AddPrompt(const nlohmann::json& value, CompletionRequest& request) {
  v1::GenerateRequest prompt;
  if (value.is_string()) {
    prompt.set_text(value.get<std::string>());
  } else if (!AreIds(value, *prompt.mutable_prompt_ids())) {
    return false;
  }
  request.prompts.push_back(std::move(prompt));
  return true;
}

// A text, texts, tokens, or arrays of tokens.
void TakePrompts(JsonFields& fields, CompletionRequest& request) {
  const nlohmann::json* value = fields.Any("prompt");
  if (value == nullptr) return fields.Refuse("prompt", "is missing");
  if (AddPrompt(*value, request)) return;
  bool taken = value->is_array() && !value->empty();
  if (taken && value->size() > kMostPrompts) {
    return fields.Refuse(
        "prompt", absl::StrCat("must have at most ", kMostPrompts, " entries: ", value->size()));
  }
  for (size_t i = 0; taken && i < value->size(); ++i) taken = AddPrompt((*value)[i], request);
  if (!taken) {
    fields.Refuse("prompt",
                  "must be a string, an array of strings, an array of token ids, or an array of "
                  "arrays of token ids");
  }
}

// Whether `name`, of digits alone, is a token and `bias` a number.
bool AddBias(const std::string& name, const nlohmann::json& bias, v1::GenerationParams& params) {
  int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc() || end != name.data() + name.size() || !bias.is_number()) return false;
  v1::TokenBias& entry = *params.add_logit_bias();
  entry.set_id(id);
  entry.set_bias(bias.get<double>());
  return true;
}

// {"50256": -100}
void TakeBias(JsonFields& fields, v1::GenerationParams& params) {
  const std::optional<JsonFields> biases = fields.Object("logit_bias");
  if (!biases) return;
  for (const auto& [name, bias] : biases->object().items()) {
    if (AddBias(name, bias, params)) continue;
    return fields.Refuse("logit_bias", "must be an object of token ids and numbers");
  }
}

v1::GenerationParams TakeParams(JsonFields& fields) {
  v1::GenerationParams params;
  params.set_max_new_tokens(static_cast<uint32_t>(
      fields.Integer("max_tokens", 0, kMostTokens).value_or(kDefaultNewTokens)));
  params.set_temperature(fields.Number("temperature").value_or(1));
  params.set_do_sample(params.temperature() != 0);
  params.set_top_p(fields.Number("top_p").value_or(1));
  params.set_top_k(static_cast<uint32_t>(fields.Integer("top_k", -1, kMostTokens).value_or(0)));
  if (params.top_k() == UINT32_MAX) params.set_top_k(0);  // -1: all, as others name it.
  params.set_min_p(fields.Number("min_p").value_or(0));
  params.set_repetition_penalty(fields.Number("repetition_penalty").value_or(1));
  params.set_frequency_penalty(fields.Number("frequency_penalty").value_or(0));
  params.set_presence_penalty(fields.Number("presence_penalty").value_or(0));
  params.set_min_new_tokens(
      static_cast<uint32_t>(fields.Integer("min_tokens", 0, kMostTokens).value_or(0)));
  params.set_ignore_eos(fields.Bool("ignore_eos").value_or(false));
  if (const auto seed = fields.Integer("seed", INT64_MIN, INT64_MAX)) {
    params.set_seed(static_cast<uint64_t>(*seed));
  }
  for (std::string& stop : fields.Strings("stop")) params.add_stop(std::move(stop));
  if (const auto logprobs = fields.Integer("logprobs", 0, 20)) {
    params.set_logprobs(static_cast<uint32_t>(*logprobs));
  }
  TakeBias(fields, params);
  return params;
}

// Sets the fields of the same names.
void SetParams(const v1::GenerationParams& params, v1::GenerateRequest& request) {
  v1::GenerateRequest taken;
  CHECK(taken.ParseFromString(params.SerializeAsString()));
  request.MergeFrom(taken);
}

}  // namespace

absl::StatusOr<CompletionRequest> ParseCompletionRequest(std::string_view body) {
  ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Parse(body));
  CompletionRequest request;
  request.model = fields.String("model").value_or("");
  if (request.model.empty()) fields.Refuse("model", "is missing");
  TakePrompts(fields, request);
  v1::GenerationParams params = TakeParams(fields);
  request.num_choices = static_cast<int>(fields.Integer("n", 1, kMostSequences).value_or(1));
  const auto best_of =
      static_cast<int>(fields.Integer("best_of", 1, kMostSequences).value_or(request.num_choices));
  request.echo = fields.Bool("echo").value_or(false);
  request.stream = fields.Bool("stream").value_or(false);
  request.logprobs = params.has_logprobs();
  if (std::optional<JsonFields> options = fields.Object("stream_options")) {
    request.include_usage = options->Bool("include_usage").value_or(false);
    options->Ignore({"include_obfuscation"});
    fields.Note(options->Done());
    if (!request.stream) fields.Refuse("stream_options", "is of streams: set stream");
  }
  if (fields.Any("suffix") != nullptr) {
    fields.Refuse("suffix", "is not served: no model here fills in a middle");
  }
  fields.Ignore({"user", "store", "metadata"});
  if (best_of < request.num_choices) fields.Refuse("best_of", "must be at least n");
  if (best_of > request.num_choices && request.stream) {
    fields.Refuse("best_of", "must be n in streams, which cannot choose before the end");
  }
  if (request.prompts.size() * static_cast<size_t>(best_of) > kMostTexts) {
    fields.Refuse("prompt", absl::StrCat("must have fewer entries: with n or best_of these are "
                                         "more than ",
                                         kMostTexts, " texts"));
  }
  params.set_prompt_logprobs(request.echo && request.logprobs);
  if (params.max_new_tokens() == 0) {
    if (!request.echo) fields.Refuse("max_tokens", "must be at least 1, or 0 with echo");
    params.set_prompt_logprobs(true);
  }
  RETURN_IF_ERROR(fields.Done());
  for (const FieldProblem& problem : CheckRanges(params)) {
    return FieldError(OpenAiName(problem.field), problem.problem);
  }
  // All texts that are not drawn are the same.
  if (IsGreedy(params)) {
    params.set_num_return_sequences(1);
    request.num_copies = std::exchange(request.num_choices, 1);
  } else {
    params.set_num_return_sequences(best_of);
    if (best_of > request.num_choices && !params.has_logprobs()) params.set_logprobs(0);
  }
  for (v1::GenerateRequest& prompt : request.prompts) {
    SetParams(params, prompt);
    prompt.set_model(request.model);
    prompt.set_echo(request.echo);
  }
  return request;
}

absl::StatusOr<v1::RunGraphRequest> ForGraph(const CompletionRequest& request,
                                             v1::GenerateRequest prompt) {
  const auto error = [&](const char* field) {
    return FieldError(field, absl::StrCat("is of models; ", request.model, " is a graph"));
  };
  if (request.logprobs) return error("logprobs");
  if (prompt.prompt_logprobs()) return error("max_tokens 0");
  if (!prompt.prompt_ids().empty()) return error("a prompt of token ids");
  if (prompt.has_logprobs()) return error("best_of");
  prompt.clear_echo();
  prompt.clear_model();
  prompt.clear_prompt_logprobs();
  v1::RunGraphRequest run;  // Common fields have the same numbers and types.
  CHECK(run.ParseFromString(prompt.SerializeAsString()));
  run.set_graph(request.model);
  run.set_details(true);
  return run;
}

}  // namespace chorus::gateway
