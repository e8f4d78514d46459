#include "bundles/bundle_readme.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "bundles/resources.h"

namespace chorus {
namespace {

using ::chorus::config::v1::Bundle;
using ::chorus::config::v1::PinnedModel;
using ::chorus::config::v1::Resources;

std::string FormatModels(const Bundle& bundle) {
  std::string text = "| runner | model | bytes | runs with |\n|---|---|---|---|\n";
  for (const PinnedModel& model : bundle.models()) {
    const Resources& resources = ResourcesOf(bundle.resources(), model.runner());
    std::string how;
    const auto add = [&](bool set, auto... parts) {
      if (set) absl::StrAppend(&how, how.empty() ? "" : ", ", parts...);
    };
    add(resources.has_replicas(), "replicas ", resources.replicas());
    add(resources.has_threads(), "threads ", resources.threads());
    add(!resources.dtype().empty(), "dtype ", resources.dtype());
    add(resources.has_kv_cache_bytes(), "kv_cache_bytes ", resources.kv_cache_bytes());
    add(!resources.executor().empty(), "executor ", resources.executor());
    add(!resources.device().empty(), "device ", resources.device());
    add(resources.has_memory_bytes(), "memory_bytes ", resources.memory_bytes());
    absl::StrAppend(&text, "| ", model.runner(), " | ", model.tag(), " | ", SizeOf(model.files()),
                    " | ", how.empty() ? "defaults" : how, " |\n");
  }
  return text;
}

// Of all replicas of all models; 0 when it is not said of each.
uint64_t MemoryOf(const Bundle& bundle) {
  uint64_t sum = 0;
  for (const PinnedModel& model : bundle.models()) {
    const Resources& resources = ResourcesOf(bundle.resources(), model.runner());
    if (!resources.has_memory_bytes()) return 0;
    sum += resources.memory_bytes() * (resources.has_replicas() ? resources.replicas() : 1);
  }
  return sum;
}

std::string FormatCurl(const std::string& graph) {
  return absl::StrCat("curl -X POST http://localhost:3000/v1/graphs/", graph,
                      ":run -H 'Content-Type: application/json' -d '{\"text\": \"I have an "
                      "idea!\"}'\n");
}

}  // namespace

std::string FormatReadme(const Bundle& bundle, const std::string& graph) {
  const std::string tag = TagOf(bundle).ToString();
  std::string text = absl::StrCat("# ", tag, "\n\n");
  if (!bundle.description().empty()) absl::StrAppend(&text, bundle.description(), "\n\n");
  absl::StrAppend(&text, "A bundle of Chorus ", bundle.chorus_version(), ": the graph `", graph,
                  "` and the models it runs. `bundle.yaml` has the hash of every file.\n\n");
  absl::StrAppend(&text, FormatModels(bundle));
  if (!bundle.labels().empty()) absl::StrAppend(&text, "\n| label | value |\n|---|---|\n");
  for (const auto& [key, value] :
       std::map<std::string, std::string>(bundle.labels().begin(), bundle.labels().end())) {
    absl::StrAppend(&text, "| ", key, " | ", absl::StrReplaceAll(value, {{"|", "\\|"}}), " |\n");
  }
  absl::StrAppend(
      &text, "\n## Serve it\n\n```\nchorus serve ", tag,
      "\n```\n\nand ask, from another terminal:\n\n```\n", FormatCurl(graph),
      "```\n\n`openapi.json` describes the API; the server itself shows it at /docs.\n");
  const uint64_t memory = MemoryOf(bundle);
  absl::StrAppend(&text, "\n## In a container\n\n```\nchorus containerize ", tag,
                  "\ndocker run --rm -p 3000:3000 -p 50051:50051 ",
                  memory == 0 ? "" : absl::StrCat("--memory ", memory, " "),
                  absl::AsciiStrToLower(bundle.name()), ":", bundle.version(),
                  "\n```\n\n## On another machine\n\n```\nchorus export ", tag, " ", bundle.name(),
                  ".tar.gz\nchorus import ", bundle.name(), ".tar.gz\n```\n");
  return text;
}

}  // namespace chorus
