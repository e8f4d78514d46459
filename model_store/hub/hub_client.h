#pragma once

// A client of a Hugging Face hub: lists a revision's files and fetches them. Transient failures are
// retried, and interrupted downloads resumed.
//
// Thread safety: none; the calls block.
// Errors: UNAUTHENTICATED (token missing or not accepted), PERMISSION_DENIED (gated), NOT_FOUND,
// UNAVAILABLE after the last retry, CANCELLED soon after a stop, and HttpClient's; the message says
// what to do.

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model_store/hub/http_client.h"
#include "model_store/hub/http_url.h"
#include "model_store/hub/hub_listing.h"
#include "model_store/hub/hub_source.h"
#include "model_store/hub/partial_file.h"
#include "model_store/hub/pull_observer.h"
#include "model_store/hub/retry_policy.h"

namespace chorus::store {

class HubClient {
 public:
  struct Options {
    HttpClient::Options http;
    RetryPolicy::Options retry;
  };

  // Errors as HttpClient::Create. `observer` must outlive the client.
  static absl::StatusOr<std::unique_ptr<HubClient>> Create(const Options& options,
                                                           PullObserver& observer,
                                                           std::stop_token stop);

  absl::StatusOr<HubListing> List(const HubSource& source);

  // Fetches the rest of `partial` from the revision `commit`, and finishes it. DATA_LOSS if the
  // content is not what was listed.
  absl::StatusOr<ManifestFile> Fetch(const std::string& repository, const std::string& commit,
                                     PartialFile& partial);

 private:
  HubClient(const Options& options, std::unique_ptr<HttpClient> http, PullObserver& observer,
            std::stop_token stop);

  // One request for what `partial` lacks. `etag` is that of the content so far, if known.
  absl::Status FetchRest(const HubSource& source, PartialFile& partial, std::string& etag,
                         std::optional<absl::Duration>& retry_after);
  // Waits, and returns OK if the request is to be retried; else `error`, or CANCELLED.
  absl::Status BeforeNextTry(RetryPolicy& policy, const absl::Status& error, bool made_progress,
                             std::optional<absl::Duration> retry_after);

  const Options options_;
  const HttpUrl endpoint_;
  const std::unique_ptr<HttpClient> http_;
  PullObserver& observer_;
  const std::stop_token stop_;
};

}  // namespace chorus::store
