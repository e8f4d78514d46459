// Input: a chorusfile.yaml or a bundle.yaml. What is accepted keeps the promises of its header, and
// is the same again once written and read.

#include <string>
#include <string_view>
#include <vector>

#include "base/names.h"
#include "bundles/bundle.h"
#include "bundles/chorusfile.h"
#include "config/yaml_writer.h"
#include "model_store/tag.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus {
namespace {

void CheckChorusfile(std::string_view text) {
  const auto chorusfile = ParseChorusfile(text, "f");
  if (!chorusfile.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(chorusfile.status()));
    return;
  }
  FUZZ_ASSERT(IsFileName(chorusfile->spec.service()));
  const std::string yaml = FormatYaml(chorusfile->spec);
  const auto again = ParseChorusfile(yaml, "f");
  FUZZ_ASSERT(again.ok() && FormatYaml(again->spec) == yaml);
  const std::vector<std::string> runners = {"gpt2", "bert"};
  const auto models = ChooseModels(*chorusfile, runners);
  FUZZ_ASSERT(!models.ok() || models->size() == runners.size());
}

void CheckBundle(std::string_view text) {
  const auto bundle = ParseBundle(text, "f");
  if (!bundle.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(bundle.status()));
    return;
  }
  FUZZ_ASSERT(store::ValidateTag(TagOf(*bundle)).ok());
  for (const auto& file : bundle->files()) {
    FUZZ_ASSERT(("/" + file.name() + "/").find("/../") == std::string::npos);
    FUZZ_ASSERT(file.name()[0] != '/');
  }
  for (const auto& model : bundle->models()) {
    FUZZ_ASSERT(store::ValidateTag(TagOf(model)).ok());
    for (const auto& file : model.files()) {
      FUZZ_ASSERT(file.name().find('/') == std::string::npos);
    }
  }
  const std::string yaml = FormatYaml(*bundle);
  const auto again = ParseBundle(yaml, "f");
  FUZZ_ASSERT(again.ok() && FormatYaml(*again) == yaml);
}

}  // namespace
}  // namespace chorus

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  chorus::CheckChorusfile(text);
  chorus::CheckBundle(text);
  return 0;
}
