#include "model_store/hub/hub_response.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chorus::store {
namespace {

absl::Status Gated(const HubQuestion& question, const std::string& said) {
  return absl::PermissionDeniedError(absl::StrCat(
      question.hub.text, " gives ", question.source.repository,
      " only to those it has let in: ask for access at ", question.hub.text, "/",
      question.source.repository,
      question.has_token ? ", and see that the token may read it" : ", and set HF_TOKEN", said));
}

absl::Status Unauthenticated(const HubQuestion& question, const std::string& said) {
  if (question.has_token) {
    return absl::UnauthenticatedError(
        absl::StrCat(question.hub.text, " does not accept the token (HF_TOKEN), or has no ",
                     question.source.repository, " for it", said));
  }
  return absl::UnauthenticatedError(
      absl::StrCat("no model ", question.source.repository, " on ", question.hub.text,
                   " for those without a token: if it is private or gated, set HF_TOKEN", said));
}

absl::Status NotFound(const HubQuestion& question, bool has_repository, const std::string& said) {
  if (has_repository) {
    return absl::NotFoundError(absl::StrCat(question.source.repository, " on ", question.hub.text,
                                            " has no revision ", question.source.revision, said));
  }
  return absl::NotFoundError(
      absl::StrCat("no ", question.source.ToString(), " on ", question.hub.text, said));
}

}  // namespace

absl::Status JudgeResponse(const HttpResponse& response, const HubQuestion& question) {
  const int status = response.status;
  if (status == 200 || status == 206) return absl::OkStatus();
  const std::string said =
      response.error_message.empty()
          ? ""
          : absl::StrCat(" (", response.host, ": ", absl::CHexEscape(response.error_message), ")");
  if (response.host == question.hub.host) {
    if (response.error_code == "GatedRepo" || status == 403) return Gated(question, said);
    if (status == 401) return Unauthenticated(question, said);
    if (status == 404) {
      return NotFound(question, response.error_code == "RevisionNotFound", said);
    }
  }
  const std::string replied = absl::StrCat(response.host, " replied ", status);
  if (status == 408 || status == 429 || status >= 500)
    return absl::UnavailableError(replied + said);
  return absl::FailedPreconditionError(
      absl::StrCat(replied, " for ", question.source.ToString(), said));
}

}  // namespace chorus::store
