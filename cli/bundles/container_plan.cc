#include "cli/bundles/container_plan.h"

#include <nlohmann/json.hpp>
#include <regex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "bundles/resources.h"
#include "config/yaml_writer.h"
#include "proto/chorus/config/v1/gateway.pb.h"

namespace chorus {
namespace {

using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::PinnedModel;
using ::chorus::config::v1::Resources;
using Words = std::vector<std::string>;

constexpr char kAllInOne[] = "all-in-one";
constexpr char kApiServer[] = "api_server";
constexpr char kRunnerServer[] = "runner_server";
constexpr char kRunnerServerTorch[] = "runner_server_torch";  // Has libtorch's CPU part.
constexpr char kRunnerServerCuda[] = "runner_server_cuda";    // Has CUDA's too.
constexpr char kOwner[] = "65532:65532";                      // The user of the images.
constexpr char kRunnerPort[] = "50061";

bool IsRepositoryPart(const std::string& text) {
  static const auto& part = *new std::regex("[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*");
  return std::regex_match(text, part);
}

// Docker's names are lower-case.
absl::StatusOr<std::string> RepositoryPart(const std::string& name) {
  std::string part = absl::AsciiStrToLower(name);
  if (IsRepositoryPart(part)) return part;
  return absl::InvalidArgumentError(absl::StrCat("docker takes no image name such as ", part,
                                                 "; --tag REPOSITORY:TAG gives another"));
}

// Of "host:5000/repository:tag" the two parts; `tag` is the default.
std::pair<std::string, std::string> SplitTag(const std::string& name, const std::string& tag) {
  const size_t colon = name.rfind(':');
  if (colon == std::string::npos || name.find('/', colon) != std::string::npos) return {name, tag};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

std::string JsonArray(const Words& words) { return nlohmann::json(words).dump(); }

std::string FormatDockerfile(const std::string& runtime, const std::string& from,
                             const std::string& to, const std::string& program,
                             const Words& arguments) {
  return absl::StrCat("FROM ", runtime, "\nCOPY --chown=", kOwner, " ", from, "/ ", to,
                      "/\nENTRYPOINT [\"/usr/bin/", program, "\"]\nCMD ", JsonArray(arguments),
                      "\n");
}

Words RunnerArguments(const Bundle& bundle, const PinnedModel& model) {
  const store::Tag tag = TagOf(model);
  const Resources& resources = ResourcesOf(bundle.resources(), model.runner());
  Words arguments = {"--model",
                     absl::StrCat("/var/lib/chorus/models/", tag.name, "/", tag.version),
                     "--name",
                     model.runner(),
                     "--version",
                     tag.version,
                     "--address",
                     absl::StrCat("0.0.0.0:", kRunnerPort),
                     "--metrics_address",
                     "0.0.0.0:9061"};
  if (resources.has_threads()) {
    arguments.insert(arguments.end(), {"--threads", std::to_string(resources.threads())});
  }
  const Words flags = RunnerFlags(resources);
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

const char* TargetOf(const Resources& resources) {
  if (!NeedsTorch(resources)) return kRunnerServer;
  return resources.device().starts_with("cuda") ? kRunnerServerCuda : kRunnerServerTorch;
}

class Planner {
 public:
  Planner(const Bundle& bundle, const ContainerSettings& settings)
      : bundle_(bundle), settings_(settings) {}

  absl::StatusOr<std::vector<ContainerImage>> Make() const {
    std::vector<ContainerImage> images;
    if (!settings_.split) {
      RETURN_IF_ERROR(CheckAllInOne());
      ContainerImage image = Start(kAllInOne, kAllInOne);
      image.dockerfile = FormatDockerfile(
          image.runtime, "home", "/var/lib/chorus", "chorus",
          {"serve", TagOf(bundle_).ToString(), "--host", "0.0.0.0", "--allow_anonymous"});
      RETURN_IF_ERROR(Finish("", image));
      images.push_back(std::move(image));
      return images;
    }
    ContainerImage gateway = Start(kApiServer, kApiServer);
    gateway.dockerfile = FormatDockerfile(
        gateway.runtime, "etc", "/etc/chorus", kApiServer,
        {"--config", "/etc/chorus/gateway.yaml", "--graph", "/etc/chorus/graph.yaml",
         "--http_address", "0.0.0.0:3000", "--grpc_address", "0.0.0.0:50051", "--allow_anonymous"});
    RETURN_IF_ERROR(Finish(absl::StrCat("-", kApiServer), gateway));
    images.push_back(std::move(gateway));
    for (int i = 0; i < bundle_.models_size(); ++i) {
      const PinnedModel& model = bundle_.models(i);
      ContainerImage runner = Start(TargetOf(ResourcesOf(bundle_.resources(), model.runner())),
                                    "runner-" + model.runner());
      runner.model = i;
      runner.dockerfile = FormatDockerfile(runner.runtime, "home", "/var/lib/chorus", kRunnerServer,
                                           RunnerArguments(bundle_, model));
      ASSIGN_OR_RETURN(const std::string part, RepositoryPart(model.runner()));
      RETURN_IF_ERROR(Finish("-runner-" + part, runner));
      images.push_back(std::move(runner));
    }
    return images;
  }

 private:
  // Another image than ours may have libtorch.
  absl::Status CheckAllInOne() const {
    if (settings_.runtimes.contains(kAllInOne)) return absl::OkStatus();
    for (const PinnedModel& model : bundle_.models()) {
      if (NeedsTorch(ResourcesOf(bundle_.resources(), model.runner()))) {
        return absl::FailedPreconditionError(absl::StrCat(
            model.runner(), " needs libtorch, which the image all-in-one has not; --split gives ",
            "each model the image that it needs, --runtime IMAGE names one that has it"));
      }
    }
    return absl::OkStatus();
  }

  ContainerImage Start(const std::string& target, const std::string& folder) const {
    ContainerImage image{.target = target};
    const auto it = settings_.runtimes.find(target);
    image.runtime = it != settings_.runtimes.end()
                        ? it->second
                        : absl::StrCat("chorus/", target, ":", settings_.chorus_version);
    image.folder = settings_.context / folder;
    image.dockerfile_path = image.folder / "Dockerfile";
    return image;
  }

  absl::Status Finish(const std::string& suffix, ContainerImage& image) const {
    Words names = settings_.tags;
    if (names.empty()) {
      ASSIGN_OR_RETURN(const std::string part, RepositoryPart(bundle_.name()));
      names.push_back(part);
    }
    for (const std::string& name : names) {
      const auto [repository, tag] = SplitTag(name, bundle_.version());
      image.tags.push_back(absl::StrCat(repository, suffix, ":", tag));
    }
    image.build_command = {"docker", "build"};
    const auto add = [&](const std::string& flag, const std::string& value) {
      image.build_command.insert(image.build_command.end(), {flag, value});
    };
    for (const std::string& tag : image.tags) add("--tag", tag);
    if (!settings_.platform.empty()) add("--platform", settings_.platform);
    for (const auto& [key, value] : LabelsOf(image)) add("--label", key + "=" + value);
    image.build_command.push_back(image.folder);
    return absl::OkStatus();
  }

  std::map<std::string, std::string> LabelsOf(const ContainerImage& image) const {
    std::map<std::string, std::string> labels(bundle_.labels().begin(), bundle_.labels().end());
    labels["chorus.bundle"] = TagOf(bundle_).ToString();
    labels["org.opencontainers.image.created"] = bundle_.created();
    labels["org.opencontainers.image.title"] = bundle_.name();
    labels["org.opencontainers.image.version"] = bundle_.version();
    const std::string line = bundle_.description().substr(0, bundle_.description().find('\n'));
    if (!line.empty()) labels["org.opencontainers.image.description"] = line;
    if (image.model < 0) return labels;
    const PinnedModel& model = bundle_.models(image.model);
    labels["chorus.model"] = model.tag();
    const Resources& resources = ResourcesOf(bundle_.resources(), model.runner());
    if (resources.has_memory_bytes()) {
      labels["chorus.memory_bytes"] = std::to_string(resources.memory_bytes());
    }
    return labels;
  }

  const Bundle& bundle_;
  const ContainerSettings& settings_;
};

}  // namespace

absl::StatusOr<std::vector<ContainerImage>> MakeContainerPlan(const Bundle& bundle,
                                                              const ContainerSettings& settings) {
  return Planner(bundle, settings).Make();
}

std::vector<Words> PushCommands(const ContainerImage& image) {
  std::vector<Words> commands;
  for (const std::string& tag : image.tags) commands.push_back({"docker", "push", tag});
  return commands;
}

std::string FormatGatewayConfig(const Bundle& bundle) {
  config::v1::Gateway gateway;
  for (const std::string& name : RunnersOf(bundle)) {
    config::v1::Runner& runner = *gateway.add_runners();
    runner.set_name(name);
    runner.add_endpoints(absl::StrCat(name, ":", kRunnerPort));
  }
  return FormatYaml(gateway);
}

}  // namespace chorus
