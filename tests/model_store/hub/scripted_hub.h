#pragma once

// A Hugging Face hub on 127.0.0.1, over HTTP or HTTPS, that a test can make fail.
//
// Thread safety: all methods from any thread. Hooks run on the connections' threads, one at a time.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/base/loopback_socket.h"

struct ssl_ctx_st;

namespace chorus::store {

struct HubRequest {
  std::string target;
  std::map<std::string, std::string> headers;  // Names in lower case.

  std::string header(const std::string& name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? "" : it->second;
  }
};

struct HubResponse {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
  // Of the body, this many bytes are sent; then the connection is closed, or held open and silent
  // until the client goes.
  size_t cut_after = std::string::npos;
  bool stall = false;
};

class ScriptedHub {
 public:
  enum class Scheme { kHttp, kHttps };

  explicit ScriptedHub(Scheme scheme = Scheme::kHttp);
  ScriptedHub(const ScriptedHub&) = delete;
  ScriptedHub& operator=(const ScriptedHub&) = delete;
  ~ScriptedHub();

  // "http://127.0.0.1:PORT".
  std::string url() const;
  // The certificate it shows, in PEM; self-signed, for 127.0.0.1.
  const std::string& certificate() const { return certificate_; }

  // Serves `files` as revision main, and as its commit, of `repository`. `lfs` files are listed
  // with their SHA-256, others with their Git hash. Replaces what was there.
  void SetModel(const std::string& repository, const std::map<std::string, std::string>& files,
                const std::set<std::string>& lfs = {"model.safetensors"});
  // The same with the files of a folder.
  void SetModel(const std::string& repository, const std::filesystem::path& folder);
  // A commit made from the repository's name and files.
  std::string commit() const;
  // What the API says of the model.
  std::string Listing() const;

  // Is asked before the hub itself; none leaves the answer to it.
  using Hook = std::function<std::optional<HubResponse>(const HubRequest&)>;
  void SetHook(Hook hook);

  // The hub's own answer.
  HubResponse Answer(const HubRequest& request) const;

  std::vector<HubRequest> requests() const;
  // Those for a file of the model.
  std::vector<HubRequest> RequestsFor(std::string_view file) const;

 private:
  class Connection;

  void Accept();
  void Serve(int fd);
  HubResponse Respond(const HubRequest& request);

  ssl_ctx_st* tls_ = nullptr;
  std::string certificate_;
  LoopbackSocket socket_;

  mutable std::mutex mutex_;  // Guards what follows.
  std::string repository_;
  std::map<std::string, std::string> files_;
  std::set<std::string> lfs_;
  std::string commit_;
  Hook hook_;
  std::vector<HubRequest> requests_;
  std::set<int> open_fds_;
  std::list<std::thread> threads_;

  std::mutex hook_mutex_;
  std::thread acceptor_;
};

}  // namespace chorus::store
