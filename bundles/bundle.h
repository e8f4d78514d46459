#pragma once

// A bundle is a folder with a graph and pins of everything needed to serve it:
//
//   bundle.yaml       name, version, pinned models, and the hash of every file below
//   graph.yaml        the graph
//   chorusfile.yaml   what it was built from
//   openapi.json      the API it serves
//   README.md         for people
//   include/…         further files
//
// This file reads bundle.yaml, the message chorus.config.v1.Bundle.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "model_store/manifest.h"
#include "model_store/tag.h"
#include "proto/chorus/config/v1/bundle.pb.h"

namespace chorus {

inline constexpr char kBundleFileName[] = "bundle.yaml";
inline constexpr char kChorusfileName[] = "chorusfile.yaml";
inline constexpr char kGraphFileName[] = "graph.yaml";
inline constexpr char kIncludeFolder[] = "include";
inline constexpr char kOpenApiFileName[] = "openapi.json";
inline constexpr char kReadmeFileName[] = "README.md";

// `yaml` is untrusted; `file` is its name in errors. INVALID_ARGUMENT, with file, line and field,
// for anything that chorus.config.v1.Bundle does not allow, in particular a name that leads out of
// its folder.
absl::StatusOr<config::v1::Bundle> ParseBundle(std::string_view yaml, std::string_view file);

// "inference_graph:3f2a9c01d7be". ParseBundle must have accepted the bundle.
store::Tag TagOf(const config::v1::Bundle& bundle);
store::Tag TagOf(const config::v1::PinnedModel& model);

std::vector<std::string> RunnersOf(const config::v1::Bundle& bundle);

// Bytes of the bundle's own files.
int64_t SizeOf(const google::protobuf::RepeatedPtrField<config::v1::BundleFile>& files);

// The names of the files that differ, joined by commas; empty if none does.
std::string Difference(const google::protobuf::RepeatedPtrField<config::v1::BundleFile>& pinned,
                       const google::protobuf::RepeatedPtrField<config::v1::BundleFile>& found);

config::v1::PinnedModel PinModel(const std::string& runner, const store::Manifest& manifest);

}  // namespace chorus
