#include "api_server/transcoding/transcoder.h"

#include <iterator>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/message_to_json.h"
#include "api_server/transcoding/request_translator.h"
#include "base/quote.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {

using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::ServiceDescriptor;

namespace {

struct Target {
  std::string_view path;
  std::string_view query;
};

Target SplitTarget(std::string_view target) {
  const size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {target, ""};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transcoder>> Transcoder::Create(
    std::span<const ServiceDescriptor* const> services) {
  std::vector<HttpBinding> bindings;
  for (const ServiceDescriptor* service : services) {
    ASSIGN_OR_RETURN(std::vector<HttpBinding> more, GetHttpBindings(*service));
    std::move(more.begin(), more.end(), std::back_inserter(bindings));
  }
  PathMatcherBuilder builder;
  for (size_t i = 0; i < bindings.size(); ++i) {
    const HttpBinding& binding = bindings[i];
    const std::optional<int> taken =
        builder.Add(binding.http_method, binding.http_template, static_cast<int>(i));
    if (taken.has_value()) {
      const HttpBinding& other = bindings[static_cast<size_t>(*taken)];
      return absl::AlreadyExistsError(
          absl::StrCat("google.api.http of ", binding.method->full_name(), ": ", binding.name(),
                       " is the same route as ", other.name(), " of ", other.method->full_name()));
    }
  }
  return absl::WrapUnique(new Transcoder(std::move(bindings), std::move(builder).Build()));
}

Transcoder::Transcoder(std::vector<HttpBinding> bindings, PathMatcher matcher)
    : bindings_(std::move(bindings)), matcher_(std::move(matcher)) {}

absl::StatusOr<Route> Transcoder::Match(std::string_view http_method,
                                        std::string_view target) const {
  const std::string_view path = SplitTarget(target).path;
  auto found = matcher_.Match(http_method, path);
  if (!found.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path is malformed: ", found.status().message()));
  }
  PathMatch match = *std::move(found);
  switch (match.outcome) {
    case PathMatch::Outcome::kFound:
      return Route{&bindings_[static_cast<size_t>(match.binding)],
                   std::move(match.variable_values)};
    case PathMatch::Outcome::kOtherMethods:
      return MethodNotAllowedError(
          absl::StrCat(QuoteForMessage(path), " takes ", absl::StrJoin(match.allowed_methods, ", "),
                       ", not ", QuoteForMessage(http_method)),
          match.allowed_methods);
    case PathMatch::Outcome::kNoSuchPath:
      break;
  }
  return absl::NotFoundError(absl::StrCat("there is no route ", QuoteForMessage(path)));
}

absl::StatusOr<std::unique_ptr<Message>> Transcoder::TranslateRequest(
    const Route& route, const HttpRequestView& request) const {
  std::unique_ptr<Message> message(MessageFactory::generated_factory()
                                       ->GetPrototype(route.binding->method->input_type())
                                       ->New());
  const RequestParts parts = {route.variable_values, SplitTarget(request.target).query,
                              request.content_type, request.body};
  RETURN_IF_ERROR(gateway::TranslateRequest(*route.binding, parts, *message));
  return message;
}

std::string Transcoder::TranslateResponse(const Route& route, const Message& message) const {
  std::string json;
  if (route.binding->response_field != nullptr) {
    AppendFieldJson(*route.binding->response_field, message, json);
  } else {
    AppendMessageJson(message, json);
  }
  return json;
}

}  // namespace chorus::gateway
