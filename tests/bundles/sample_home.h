#pragma once

// A home with two small models and one bundle that pins them.

#include <filesystem>
#include <string>

#include "bundles/bundle_store.h"
#include "model_store/file_system.h"
#include "model_store/model_store.h"
#include "tests/base/temp_directory.h"

namespace chorus {

inline config::v1::BundleFile DescribeFile(const std::filesystem::path& directory,
                                           const std::string& name) {
  const store::FileDigest digest = store::DigestFile(directory / name).value();
  config::v1::BundleFile file;
  file.set_name(name);
  file.set_size_bytes(digest.size_bytes);
  file.set_sha256(digest.sha256);
  return file;
}

class SampleHome {
 public:
  explicit SampleHome(const std::filesystem::path& folder, bool with_native_code = false)
      : path_(folder / "home"), content_(folder / "content") {
    const std::filesystem::path model = folder / "model";
    PutFile(model / "config.json", R"({"architectures": ["GPT2LMHeadModel"]})");
    PutFile(model / "model.safetensors", "weights");
    if (with_native_code) PutFile(model / "model.pt2", "code");
    store::ModelStore models(path_);
    PutFile(content_ / "graph.yaml", "name: g\nnodes:\n- {name: a, generate: {runner: gpt2}}\n");
    PutFile(content_ / "include/a/b.txt", "included");
    bundle_.set_name("sample");
    bundle_.set_version("v1");
    bundle_.set_created("2024-02-29T12:00:00+00:00");
    bundle_.set_chorus_version("0.1.0");
    (*bundle_.mutable_labels())["team"] = "nlp";
    (*bundle_.mutable_resources())["gpt2"].set_replicas(2);
    for (const char* name : {"gpt2", "bert"}) {
      *bundle_.add_models() = PinModel(name, models.Save({name, "m1"}, model).value());
    }
    for (const char* name : {"graph.yaml", "include/a/b.txt"}) {
      *bundle_.add_files() = DescribeFile(content_, name);
    }
  }

  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& content() const { return content_; }  // What the bundle is made of.
  config::v1::Bundle& bundle() { return bundle_; }

  // Puts the bundle into the home's store.
  void Save() { BundleStore(path_).Save(bundle_, content_).IgnoreError(); }

 private:
  const std::filesystem::path path_;
  const std::filesystem::path content_;
  config::v1::Bundle bundle_;
};

}  // namespace chorus
