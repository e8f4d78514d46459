#include "model_store/hub/hub_client.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/hub/hub_response.h"
#include "model_store/hub/retry_policy.h"

namespace chorus::store {
namespace {

constexpr absl::Duration kListTimeLimit = absl::Minutes(1);

// Less does not count as progress, so that a server that sends a byte each time is given up.
constexpr int64_t kProgressBytes = 1 << 20;

class TextSink : public HttpBodySink {
 public:
  absl::Status Begin(const HttpResponse&) override {
    text_.clear();
    return absl::OkStatus();
  }
  absl::Status Write(std::string_view bytes) override {
    text_ += bytes;
    if (static_cast<int64_t>(text_.size()) <= kMaxHubListingBytes) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the hub's list of files has more than ", kMaxHubListingBytes, " bytes"));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class FileSink : public HttpBodySink {
 public:
  FileSink(PartialFile& partial, PullObserver& observer) : partial_(partial), observer_(observer) {}

  absl::Status Begin(const HttpResponse& response) override {
    etag_ = response.etag;
    if (response.offset == partial_.size_bytes()) return absl::OkStatus();
    if (response.offset == 0) return partial_.Restart();  // All of it, whatever was asked for.
    return absl::DataLossError(absl::StrCat(response.host, " sends bytes of ", partial_.file().name,
                                            " that were not asked for"));
  }
  absl::Status Write(std::string_view bytes) override {
    RETURN_IF_ERROR(partial_.Append(bytes));
    observer_.OnBytes(partial_.size_bytes());
    return absl::OkStatus();
  }
  const std::string& etag() const { return etag_; }

 private:
  PartialFile& partial_;
  PullObserver& observer_;
  std::string etag_;
};

double Random() {
  static std::mt19937 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HubClient>> HubClient::Create(const Options& options,
                                                             PullObserver& observer,
                                                             std::stop_token stop) {
  ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> http, HttpClient::Create(options.http));
  return std::unique_ptr<HubClient>(
      new HubClient(options, std::move(http), observer, std::move(stop)));
}

HubClient::HubClient(const Options& options, std::unique_ptr<HttpClient> http,
                     PullObserver& observer, std::stop_token stop)
    : options_(options),
      endpoint_(*ParseEndpoint(options.http.endpoint)),
      http_(std::move(http)),
      observer_(observer),
      stop_(std::move(stop)) {}

absl::StatusOr<HubListing> HubClient::List(const HubSource& source) {
  const HttpRequest request{
      .url = absl::StrCat(endpoint_.text, "/api/models/", source.repository, "/revision/",
                          absl::StrReplaceAll(source.revision, {{"/", "%2F"}}), "?blobs=true"),
      .time_limit = kListTimeLimit};
  RetryPolicy policy(options_.retry);
  for (;;) {
    TextSink sink;
    const absl::StatusOr<HttpResponse> response = http_->Get(request, sink, stop_);
    const absl::Status status =
        response.ok() ? JudgeResponse(*response, {endpoint_, source, !options_.http.token.empty()})
                      : response.status();
    if (status.ok()) return ParseHubListing(sink.text());
    RETURN_IF_ERROR(BeforeNextTry(policy, status, /*made_progress=*/false,
                                  response.ok() ? response->retry_after : std::nullopt));
  }
}

absl::StatusOr<ManifestFile> HubClient::Fetch(const std::string& repository,
                                              const std::string& commit, PartialFile& partial) {
  const HubSource source{repository, commit};
  RetryPolicy policy(options_.retry);
  std::string etag;
  int64_t furthest = partial.size_bytes();
  bool pieced = furthest > 0;  // From more than one reply: these may not fit together.
  observer_.OnFile(partial.file().name, partial.file().size_bytes, partial.size_bytes());
  for (;;) {
    std::optional<absl::Duration> retry_after;
    absl::Status status = FetchRest(source, partial, etag, retry_after);
    if (status.ok()) {
      absl::StatusOr<ManifestFile> finished = partial.Finish();
      if (finished.ok()) {
        observer_.OnFileDone();
        return finished;
      }
      status = finished.status();
    }
    const bool made_progress = partial.size_bytes() - furthest >= kProgressBytes;
    furthest = std::max(furthest, partial.size_bytes());
    if (absl::IsDataLoss(status)) {
      RETURN_IF_ERROR(partial.Restart());
      etag.clear();
      if (!std::exchange(pieced, false)) return status;
      status = absl::UnavailableError(status.message());  // Once more, in one piece.
    }
    RETURN_IF_ERROR(BeforeNextTry(policy, status, made_progress, retry_after));
    pieced = pieced || partial.size_bytes() > 0;
  }
}

absl::Status HubClient::FetchRest(const HubSource& source, PartialFile& partial, std::string& etag,
                                  std::optional<absl::Duration>& retry_after) {
  if (partial.is_complete()) return absl::OkStatus();
  const HubFile& file = partial.file();
  FileSink sink(partial, observer_);
  const absl::StatusOr<HttpResponse> response =
      http_->Get({.url = absl::StrCat(endpoint_.text, "/", source.repository, "/resolve/",
                                      source.revision, "/", file.name),
                  .offset = partial.size_bytes(),
                  .etag = etag},
                 sink, stop_);
  if (!sink.etag().empty()) etag = sink.etag();
  RETURN_IF_ERROR(response.status());
  retry_after = response->retry_after;
  if (response->status == 416) {  // What is there is no beginning of what the server has.
    RETURN_IF_ERROR(partial.Restart());
    return absl::UnavailableError(absl::StrCat(response->host, " has no such part of ", file.name));
  }
  RETURN_IF_ERROR(JudgeResponse(*response, {endpoint_, source, !options_.http.token.empty()}));
  if (partial.is_complete()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(file.name, " ended after ", partial.size_bytes(),
                                             " of ", file.size_bytes, " bytes"));
}

absl::Status HubClient::BeforeNextTry(RetryPolicy& policy, const absl::Status& error,
                                      bool made_progress,
                                      std::optional<absl::Duration> retry_after) {
  if (!absl::IsUnavailable(error)) return error;
  const std::optional<absl::Duration> delay =
      policy.OnFailure(made_progress, retry_after, Random());
  if (!delay) {
    return absl::UnavailableError(
        absl::StrCat(error.message(), "; tried ", options_.retry.max_failures, " times"));
  }
  observer_.OnRetry(StdView(error.message()), *delay);
  return InterruptibleWait(*delay, stop_) ? absl::OkStatus() : absl::CancelledError("stopped");
}

}  // namespace chorus::store
