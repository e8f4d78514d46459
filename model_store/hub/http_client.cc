#include "model_store/hub/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model_store/hub/http_url.h"

namespace chorus::store {
namespace {

constexpr int kMaxRedirects = 5;
constexpr size_t kMaxHeaderBytes = 256 << 10;
constexpr size_t kMaxErrorTextBytes = 200;
constexpr size_t kMaxUnreadBytes = 1 << 20;  // Of a body that nobody wants.
constexpr long kStallBytesPerSecond = 1024;
constexpr long kReceiveBufferBytes = 256 << 10;

using Headers =
    std::unique_ptr<curl_slist, decltype([](curl_slist* list) { curl_slist_free_all(list); })>;

void Append(Headers& headers, const std::string& line) {
  headers.reset(curl_slist_append(headers.release(), line.c_str()));
}

bool HasBody(int status) { return status == 200 || status == 206; }

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// "bytes 100-199/200" -> 100; -1 for what is not of that form.
int64_t RangeStart(std::string_view content_range) {
  const std::vector<std::string> words = absl::StrSplit(AbslView(content_range), ' ');
  int64_t start = -1;
  if (words.size() != 2 || words[0] != "bytes") return -1;
  if (!absl::SimpleAtoi(words[1].substr(0, words[1].find('-')), &start)) return -1;
  return start;
}

// What curl's callbacks see of one request.
struct Exchange {
  CURL* curl;
  HttpBodySink& sink;
  const std::stop_token& stop;
  HttpResponse response;
  std::string location;
  size_t num_header_bytes = 0;
  size_t num_unread_bytes = 0;
  bool begun = false;
  absl::Status error;  // Why a callback ended the request.

  bool OnHeader(std::string_view line);
  bool OnBody(std::string_view bytes);
  bool Fail(absl::Status status) {
    error = std::move(status);
    return false;
  }
};

bool Exchange::OnHeader(std::string_view line) {
  num_header_bytes += line.size();
  if (num_header_bytes > kMaxHeaderBytes) {
    return Fail(absl::FailedPreconditionError(
        absl::StrCat(response.host, " sends more than ", kMaxHeaderBytes, " bytes of headers")));
  }
  if (line.starts_with("HTTP/")) {  // A status line; there are several after a 1xx.
    response.etag.clear();
    response.offset = 0;
    location.clear();
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  const std::string name = absl::AsciiStrToLower(AbslView(line.substr(0, colon)));
  const std::string value(absl::StripAsciiWhitespace(AbslView(line.substr(colon + 1))));
  if (name == "etag" && value.starts_with('"')) response.etag = value;
  if (name == "location") location = value;
  if (name == "content-range") response.offset = RangeStart(value);
  if (name == "x-error-code") response.error_code = value.substr(0, kMaxErrorTextBytes);
  if (name == "x-error-message") response.error_message = value.substr(0, kMaxErrorTextBytes);
  return true;
}

bool Exchange::OnBody(std::string_view bytes) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  if (!HasBody(response.status)) {
    num_unread_bytes += bytes.size();
    if (num_unread_bytes <= kMaxUnreadBytes) return true;
    return Fail(
        absl::UnavailableError(absl::StrCat(response.host, " replied ", response.status,
                                            " with more than ", kMaxUnreadBytes, " bytes")));
  }
  if (response.status == 200) response.offset = 0;
  if (!std::exchange(begun, true)) {
    if (absl::Status begin = sink.Begin(response); !begin.ok()) return Fail(std::move(begin));
  }
  absl::Status written = sink.Write(bytes);
  return written.ok() || Fail(std::move(written));
}

size_t HeaderCallback(char* data, size_t, size_t size, void* exchange) {
  return static_cast<Exchange*>(exchange)->OnHeader({data, size}) ? size : size + 1;
}

size_t WriteCallback(char* data, size_t, size_t size, void* exchange) {
  return static_cast<Exchange*>(exchange)->OnBody({data, size}) ? size : size + 1;
}

int ProgressCallback(void* exchange, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Exchange*>(exchange)->stop.stop_requested() ? 1 : 0;
}

// Whether the same request can never do better.
bool IsFinal(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
}

absl::Status TransferError(CURLcode code, const char* details, const std::string& host) {
  const std::string what = *details != '\0' ? details : curl_easy_strerror(code);
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate of ", host, " is not trusted (", what,
                     "); SSL_CERT_FILE may name a file of certificates to trust"));
  }
  const std::string message = absl::StrCat(host, ": ", what);
  return IsFinal(code) ? absl::FailedPreconditionError(message) : absl::UnavailableError(message);
}

long Seconds(absl::Duration duration) {
  return static_cast<long>(std::max<int64_t>(1, absl::ToInt64Seconds(duration)));
}

class CurlClient : public HttpClient {
 public:
  CurlClient(const Options& options, HttpUrl endpoint)
      : options_(options), endpoint_(std::move(endpoint)), curl_(curl_easy_init()) {}
  ~CurlClient() override { curl_easy_cleanup(curl_); }

  absl::StatusOr<HttpResponse> Get(const HttpRequest& request, HttpBodySink& sink,
                                   std::stop_token stop) override {
    ASSIGN_OR_RETURN(HttpUrl url, ParseHttpUrl(request.url));
    for (int num_redirects = 0; num_redirects <= kMaxRedirects; ++num_redirects) {
      Exchange exchange{.curl = curl_, .sink = sink, .stop = stop, .response = {.host = url.host}};
      RETURN_IF_ERROR(Perform(request, url, exchange));
      if (!IsRedirect(exchange.response.status)) return exchange.response;
      ASSIGN_OR_RETURN(url, FollowRedirect(url, exchange.location));
    }
    return absl::FailedPreconditionError(
        absl::StrCat(endpoint_.host, " redirects more than ", kMaxRedirects, " times"));
  }

 private:
  Headers MakeHeaders(const HttpRequest& request, const HttpUrl& url) const {
    Headers headers;
    if (!options_.token.empty() && url.origin == endpoint_.origin) {
      Append(headers, "Authorization: Bearer " + options_.token);
    }
    if (request.offset > 0) {
      Append(headers, absl::StrCat("Range: bytes=", request.offset, "-"));
      if (!request.etag.empty()) Append(headers, "If-Range: " + request.etag);
    }
    return headers;
  }

  absl::Status Perform(const HttpRequest& request, const HttpUrl& url, Exchange& exchange) {
    const Headers headers = MakeHeaders(request, url);
    char details[CURL_ERROR_SIZE] = "";
    curl_easy_reset(curl_);
    Set(CURLOPT_URL, url.text.c_str());
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_HTTPHEADER, headers.get());
    Set(CURLOPT_USERAGENT, options_.user_agent.c_str());
    if (!options_.ca_file.empty()) Set(CURLOPT_CAINFO, options_.ca_file.c_str());
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
    Set(CURLOPT_ERRORBUFFER, details);
    Set(CURLOPT_CONNECTTIMEOUT, Seconds(options_.connect_timeout));
    Set(CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
    Set(CURLOPT_LOW_SPEED_TIME, Seconds(options_.stall_timeout));
    if (request.time_limit < absl::InfiniteDuration()) {
      Set(CURLOPT_TIMEOUT, Seconds(request.time_limit));
    }
    Set(CURLOPT_HEADERFUNCTION, HeaderCallback);
    Set(CURLOPT_HEADERDATA, &exchange);
    Set(CURLOPT_WRITEFUNCTION, WriteCallback);
    Set(CURLOPT_WRITEDATA, &exchange);
    Set(CURLOPT_NOPROGRESS, 0L);
    Set(CURLOPT_XFERINFOFUNCTION, ProgressCallback);
    Set(CURLOPT_XFERINFODATA, &exchange);
    const CURLcode code = curl_easy_perform(curl_);
    curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, nullptr);
    if (exchange.stop.stop_requested()) return absl::CancelledError("stopped");
    RETURN_IF_ERROR(exchange.error);
    if (code != CURLE_OK) return TransferError(code, details, url.host);
    Complete(exchange);
    return Finish(exchange);
  }

  template <typename T>
  void Set(CURLoption option, T value) {
    curl_easy_setopt(curl_, option, value);
  }

  void Complete(Exchange& exchange) {
    long status = 0;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl_, CURLINFO_RETRY_AFTER, &retry_after);  // Seconds, of either form.
    exchange.response.status = static_cast<int>(status);
    if (retry_after > 0) exchange.response.retry_after = absl::Seconds(retry_after);
  }

  // An empty body too begins.
  static absl::Status Finish(Exchange& exchange) {
    if (!HasBody(exchange.response.status) || exchange.begun) return absl::OkStatus();
    return exchange.sink.Begin(exchange.response);
  }

  const Options options_;
  const HttpUrl endpoint_;
  CURL* const curl_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Create(const Options& options) {
  static const CURLcode kInitialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kInitialized != CURLE_OK) return absl::InternalError("libcurl does not work");
  ASSIGN_OR_RETURN(HttpUrl endpoint, ParseEndpoint(options.endpoint));
  if (!std::all_of(options.token.begin(), options.token.end(),
                   [](char c) { return absl::ascii_isgraph(c); })) {
    return absl::InvalidArgumentError("the hub's token holds a space, or a byte that is not ASCII");
  }
  return std::make_unique<CurlClient>(options, std::move(endpoint));
}

}  // namespace chorus::store
