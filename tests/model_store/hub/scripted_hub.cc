#include "tests/model_store/hub/scripted_hub.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "tests/base/temp_directory.h"
#include "tests/model_store/hub/tls_certificate.h"

namespace chorus::store {
namespace {

std::string Sha256Of(std::string_view text) {
  Sha256 hash;
  hash.Update(text);
  return std::move(hash).HexDigest();
}

std::string GitHashOf(std::string_view text) {
  GitBlobHash hash(static_cast<int64_t>(text.size()));
  hash.Update(text);
  return std::move(hash).HexDigest();
}

HubResponse NotFound() {
  return {.status = 404, .headers = {{"X-Error-Code", "EntryNotFound"}}, .body = "none"};
}

}  // namespace

// Bytes of one client, encrypted or not.
class ScriptedHub::Connection {
 public:
  Connection(int fd, SSL_CTX* tls) : fd_(fd) {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd);
    ok_ = SSL_accept(ssl_) == 1;
  }
  ~Connection() { SSL_free(ssl_); }

  // None when the client leaves first.
  std::optional<HubRequest> ReadRequest() {
    std::string head;
    for (char byte; !head.ends_with("\r\n\r\n");) {
      if (!Read(byte)) return std::nullopt;
      head += byte;
    }
    const std::vector<std::string> lines = absl::StrSplit(head, "\r\n", absl::SkipEmpty());
    HubRequest request{std::vector<std::string>(absl::StrSplit(lines[0], ' ')).at(1)};
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::pair<std::string, std::string> header =
          absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
      request.headers[absl::AsciiStrToLower(header.first)] = header.second;
    }
    return request;
  }

  void WriteResponse(HubResponse response) {
    std::string out = absl::StrCat("HTTP/1.1 ", response.status, " X\r\nConnection: close\r\n");
    response.headers.try_emplace("Content-Length", absl::StrCat(response.body.size()));
    for (const auto& [name, value] : response.headers) {
      if (!value.empty()) absl::StrAppend(&out, name, ": ", value, "\r\n");
    }
    Write(out + "\r\n" + response.body.substr(0, response.cut_after));
    char byte;
    if (response.stall) (void)Read(byte);
    if (ok_ && ssl_ != nullptr) SSL_shutdown(ssl_);
  }

 private:
  bool Read(char& byte) {
    return ok_ && (ssl_ != nullptr ? SSL_read(ssl_, &byte, 1) : ::recv(fd_, &byte, 1, 0)) == 1;
  }
  void Write(std::string_view text) {
    while (ok_ && !text.empty()) {
      const auto n = ssl_ != nullptr ? SSL_write(ssl_, text.data(), static_cast<int>(text.size()))
                                     : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      ok_ = n > 0;
      if (ok_) text.remove_prefix(static_cast<size_t>(n));
    }
  }

  const int fd_;
  SSL* ssl_ = nullptr;
  bool ok_ = true;
};

ScriptedHub::ScriptedHub(Scheme scheme) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL's writes would raise it.
  if (scheme == Scheme::kHttps) tls_ = MakeTlsContext(certificate_);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedHub::~ScriptedHub() {
  ::shutdown(socket_.fd(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_fds_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  SSL_CTX_free(tls_);
}

std::string ScriptedHub::url() const {
  return absl::StrCat(tls_ != nullptr ? "https" : "http", "://", socket_.address());
}

void ScriptedHub::SetModel(const std::string& repository,
                           const std::map<std::string, std::string>& files,
                           const std::set<std::string>& lfs) {
  const std::lock_guard lock(mutex_);
  repository_ = repository;
  files_ = files;
  lfs_ = lfs;
  std::string all = repository;
  for (const auto& [name, content] : files) absl::StrAppend(&all, "\n", name, "\n", content);
  commit_ = GitHashOf(all);
}

void ScriptedHub::SetModel(const std::string& repository, const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path().filename()] = GetFile(entry.path());
  }
  SetModel(repository, files);
}

std::string ScriptedHub::commit() const {
  const std::lock_guard lock(mutex_);
  return commit_;
}

void ScriptedHub::SetHook(Hook hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

std::string ScriptedHub::Listing() const {
  const std::lock_guard lock(mutex_);
  nlohmann::json siblings = nlohmann::json::array();
  for (const auto& [name, content] : files_) {
    nlohmann::json file = {
        {"rfilename", name}, {"size", content.size()}, {"blobId", GitHashOf(content)}};
    if (lfs_.contains(name)) {
      file["lfs"] = {{"sha256", Sha256Of(content)}, {"size", content.size()}, {"pointerSize", 134}};
    }
    siblings.push_back(std::move(file));
  }
  return nlohmann::json({{"id", repository_}, {"sha", commit_}, {"siblings", siblings}}).dump();
}

HubResponse ScriptedHub::Answer(const HubRequest& request) const {
  const std::string listing = Listing();
  const std::lock_guard lock(mutex_);
  for (const std::string& revision : {std::string("main"), commit_}) {
    if (request.target ==
        absl::StrCat("/api/models/", repository_, "/revision/", revision, "?blobs=true")) {
      return {.headers = {{"Content-Type", "application/json"}}, .body = listing};
    }
  }
  const std::string prefix = absl::StrCat("/", repository_, "/resolve/", commit_, "/");
  if (!request.target.starts_with(prefix)) return NotFound();
  const auto file = files_.find(request.target.substr(prefix.size()));
  if (file == files_.end()) return NotFound();
  const std::string etag = absl::StrCat("\"", GitHashOf(file->second), "\"");
  HubResponse response{.headers = {{"ETag", etag}}, .body = file->second};
  size_t start = 0;
  const std::string range = request.header("range");
  const std::string if_range = request.header("if-range");
  if (range.starts_with("bytes=") && (if_range.empty() || if_range == etag) &&
      absl::SimpleAtoi(range.substr(6, range.size() - 7), &start)) {
    if (start >= file->second.size()) return {.status = 416};
    response.status = 206;
    response.headers["Content-Range"] =
        absl::StrCat("bytes ", start, "-", file->second.size() - 1, "/", file->second.size());
    response.body = file->second.substr(start);
  }
  return response;
}

std::vector<HubRequest> ScriptedHub::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<HubRequest> ScriptedHub::RequestsFor(std::string_view file) const {
  const std::string suffix = absl::StrCat("/", std::string(file));
  std::vector<HubRequest> found;
  for (const HubRequest& request : requests()) {
    if (request.target.ends_with(suffix)) found.push_back(request);
  }
  return found;
}

void ScriptedHub::Accept() {
  for (;;) {
    const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    open_fds_.insert(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void ScriptedHub::Serve(int fd) {
  {
    Connection connection(fd, tls_);
    if (const std::optional<HubRequest> request = connection.ReadRequest()) {
      connection.WriteResponse(Respond(*request));
    }
  }
  const std::lock_guard lock(mutex_);
  open_fds_.erase(fd);
  ::close(fd);
}

HubResponse ScriptedHub::Respond(const HubRequest& request) {
  Hook hook;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    hook = hook_;
  }
  if (hook) {
    const std::lock_guard lock(hook_mutex_);
    if (std::optional<HubResponse> response = hook(request)) return *std::move(response);
  }
  return Answer(request);
}

}  // namespace chorus::store
