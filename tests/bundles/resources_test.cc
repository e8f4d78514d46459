#include "bundles/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::Status Check(const std::string& yaml) {
  config::v1::Chorusfile file;
  YamlPlaces places;
  const absl::Status status = ParseYaml(yaml, "f.yaml", file, &places);
  if (!status.ok()) return status;
  const std::vector<std::string> runners = {"gpt2", "bert"};
  return CheckResources(file.resources(), runners, places);
}

TEST(CheckResources, TakesWhatIsInRange) {
  for (const char* yaml :
       {"service: x", "resources: {gpt2: {}}",
        "resources: {gpt2: {threads: 1024, replicas: 64, dtype: int8, kv_cache_bytes: 0}, "
        "bert: {memory_bytes: 1}}",
        "resources: {gpt2: {executor: torch}, bert: {executor: auto, device: \"cuda:1\"}}",
        "resources: {gpt2: {executor: native, device: cpu}, bert: {device: xpu}}"}) {
    EXPECT_TRUE(Check(yaml).ok()) << Check(yaml);
  }
}

TEST(CheckResources, NamesThePlaceOfWhatIsNot) {
  const struct {
    const char* yaml;
    const char* error;
  } kCases[] = {
      {"resources: {gpt3: {}}",
       "f.yaml:1:19: resources.gpt3: the graph has no such runner; it has gpt2, bert"},
      {"resources: {gpt2: {threads: 0}}",
       "f.yaml:1:29: resources.gpt2.threads: must be from 1 to 1024: 0"},
      {"resources: {gpt2: {threads: 1025}}",
       "f.yaml:1:29: resources.gpt2.threads: must be from 1 to 1024: 1025"},
      {"resources: {gpt2: {replicas: 0}}",
       "f.yaml:1:30: resources.gpt2.replicas: must be from 1 to 64: 0"},
      {"resources: {gpt2: {replicas: 65}}",
       "f.yaml:1:30: resources.gpt2.replicas: must be from 1 to 64: 65"},
      {"resources: {gpt2: {dtype: int4}}",
       "f.yaml:1:27: resources.gpt2.dtype: must be one of auto, float32, bfloat16, int8, "
       "int8_weight_only, float16: \"int4\""},
      {"resources: {gpt2: {executor: best}}",
       "f.yaml:1:30: resources.gpt2.executor: must be one of auto, native, torch: \"best\""},
      {"resources: {gpt2: {device: GPU 1}}",
       "f.yaml:1:28: resources.gpt2.device: must be cpu, cuda, cuda:N or another device of "
       "libtorch: \"GPU 1\""},
      {"resources: {gpt2: {executor: native, device: cuda}}",
       "f.yaml:1:30: resources.gpt2.executor: native runs on the cpu alone"},
      {"resources: {gpt2: {memory_bytes: 0}}",
       "f.yaml:1:34: resources.gpt2.memory_bytes: must be from 1 to 1125899906842624: 0"},
      {"resources: {gpt2: {kv_cache_bytes: 18446744073709551615}}",
       "f.yaml:1:36: resources.gpt2.kv_cache_bytes: must be from 0 to 1125899906842624: "
       "18446744073709551615"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Check(c.yaml), absl::InvalidArgumentError(c.error));
}

TEST(RunnerFlags, GivesWhatIsSetButTheThreads) {
  config::v1::Resources resources;
  EXPECT_THAT(RunnerFlags(resources), IsEmpty());
  resources.set_threads(3);
  resources.set_dtype("int8");
  resources.set_kv_cache_bytes(0);
  EXPECT_THAT(RunnerFlags(resources), ElementsAre("--dtype", "int8", "--kv_cache_bytes", "0"));
  resources.Clear();
  resources.set_executor("torch");
  resources.set_device("cuda:1");
  EXPECT_THAT(RunnerFlags(resources), ElementsAre("--executor", "torch", "--device", "cuda:1"));
}

TEST(NeedsTorch, WhereItComputes) {
  const struct {
    const char* executor;
    const char* device;
    bool needs;
  } kCases[] = {{"", "", false},     {"auto", "cpu", false}, {"native", "", false},
                {"torch", "", true}, {"", "cuda", true},     {"auto", "xpu:1", true}};
  for (const auto& c : kCases) {
    config::v1::Resources resources;
    resources.set_executor(c.executor);
    resources.set_device(c.device);
    EXPECT_EQ(NeedsTorch(resources), c.needs) << c.executor << " " << c.device;
  }
}

}  // namespace
}  // namespace chorus
