#include "cli/serve/gateway_watch.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"

namespace chorus {
namespace {

constexpr int kHttpOk = 200;
constexpr int64_t kMaxPortsFileBytes = 4096;

}  // namespace

std::optional<GatewayAddresses> ReadPortsFile(const std::filesystem::path& path) {
  std::optional<SocketAddress> http, grpc;
  const std::vector<std::string> lines =
      absl::StrSplit(ReadFile(path, kMaxPortsFileBytes).value_or(""), '\n');
  for (const std::string& line : lines) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    const absl::StatusOr<HostPort> host_port = HostPort::Parse(line.substr(equals + 1));
    if (!host_port.ok()) continue;
    const auto addresses = SocketAddress::Resolve(*host_port);  // It is this machine's.
    if (!addresses.ok()) continue;
    if (line.starts_with("http=")) http = addresses->front();
    if (line.starts_with("grpc=")) grpc = addresses->front();
  }
  if (!http || !grpc) return std::nullopt;
  return GatewayAddresses{*http, *grpc};
}

void GatewayWatch::Begin(absl::Duration now) {
  probe_.reset();
  deadline_ = now;
}

void GatewayWatch::End() {
  probe_.reset();
  deadline_ = absl::InfiniteDuration();
}

std::optional<GatewayAddresses> GatewayWatch::Advance(absl::Duration now) {
  if (probe_ && answer_ == kHttpOk) {
    End();
    return addresses_;
  }
  if (probe_ && answer_) {
    probe_.reset();
    deadline_ = now + options_.interval;
  }
  if (now < deadline_) return std::nullopt;
  probe_.reset();
  deadline_ = now + options_.interval;
  addresses_ = ReadPortsFile(options_.ports_file);
  if (!addresses_) return std::nullopt;
  absl::StatusOr<HttpProbe> probe = HttpProbe::Start(addresses_->http, "/readyz");
  if (!probe.ok()) return std::nullopt;
  probe_.emplace(*std::move(probe));
  answer_.reset();
  deadline_ = now + options_.probe_timeout;
  return std::nullopt;
}

void GatewayWatch::OnProbeEvent() {
  if (probe_ && !answer_) answer_ = probe_->OnEvent();
}

}  // namespace chorus
