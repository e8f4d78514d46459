#pragma once

// Plans the images of a bundle: the input of `docker build` for each.
//
// Pure. Thread safety: free functions without state.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bundles/bundle.h"

namespace chorus {

struct ContainerSettings {
  // Names to give, "REPOSITORY" or "REPOSITORY:TAG"; empty: NAME:VERSION of the bundle. With
  // `split`, "-api_server" or "-runner-RUNNER" follows each repository.
  std::vector<std::string> tags;
  bool split = false;    // An image for the gateway and one for each model, or one for all.
  std::string platform;  // Such as "linux/amd64". Empty: docker's choice.
  // Images that hold the programs, by target of deploy/Dockerfile: "all-in-one", "api_server",
  // "runner_server", and for models that need libtorch "runner_server_torch" and, on a CUDA device,
  // "runner_server_cuda". Default: chorus/TARGET:VERSION of `chorus_version`.
  std::map<std::string, std::string> runtimes;
  std::string chorus_version;
  std::filesystem::path context;  // Folder in which each image has its own.
};

struct ContainerImage {
  std::string target;            // Of deploy/Dockerfile; its programs are in `runtime`.
  std::string runtime;           // Image it starts from.
  std::filesystem::path folder;  // Its build context.
  std::string dockerfile;        // To be written to the next before the build.
  std::filesystem::path dockerfile_path;
  int model = -1;                 // The index of a runner's model in the bundle; -1 for the others.
  std::vector<std::string> tags;  // "REPOSITORY:TAG"
  std::vector<std::string> build_command;
};

// INVALID_ARGUMENT if docker does not accept a name from the bundle, FAILED_PRECONDITION if one
// image for all would lack libtorch.
absl::StatusOr<std::vector<ContainerImage>> MakeContainerPlan(const config::v1::Bundle& bundle,
                                                              const ContainerSettings& settings);

// "docker push" of each of the image's names.
std::vector<std::vector<std::string>> PushCommands(const ContainerImage& image);

// YAML for api_server: a runner at RUNNER:50061 for each of the bundle's.
std::string FormatGatewayConfig(const config::v1::Bundle& bundle);

}  // namespace chorus
