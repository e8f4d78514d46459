#include "runner_server/model/compiled_model.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/model_file.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/model/architectures/table.h"
#include "runner_server/model/config_reader.h"
#include "runner_server/model/sentence_modules.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

constexpr char kObject[] = "chorus_compiled";
constexpr char kFileName[] = "model.pt2";

// What the code gives out, as chorus_compiled.output spells it.
constexpr char kLogits[] = "logits";
constexpr char kHiddenStates[] = "hidden_states";
constexpr char kNextTokenLogits[] = "next_token_logits";

// Those of libtorch. dtype.h has them too, with all the kernels, which `chorus` does not link.
struct PrecisionName {
  std::string_view name;
  Precision precision;
};
constexpr PrecisionName kPrecisionNames[] = {{"float32", Precision::kFloat32},
                                             {"bfloat16", Precision::kBfloat16},
                                             {"float16", Precision::kFloat16}};

// How the vectors of an embedder's tokens become one.
absl::Status ReadEmbedder(const fs::path& folder, std::optional<Pooling> pooling,
                          CompiledModel& model) {
  ASSIGN_OR_RETURN(const std::optional<SentenceModules> found,
                   ReadSentenceModules(folder, model.num_values));
  SentenceModules modules = found.value_or(SentenceModules{});
  if (!modules.head.dense.empty()) {
    return absl::InvalidArgumentError(
        "a compiled encoder has no dense layers behind its pooling, as modules.json names");
  }
  if (pooling == Pooling::kPooler) {
    return absl::InvalidArgumentError(
        "a compiled encoder gives its last hidden states alone: its pooling is mean or cls");
  }
  model.max_text_tokens = modules.max_text_tokens;
  modules.head.pooling = pooling.value_or(modules.head.pooling);
  model.head = std::move(modules.head);
  return absl::OkStatus();
}

std::string FieldName(const char* name) { return absl::StrCat(kObject, ".", name); }

// What the server's attention must know of the layers.
void ReadDecoder(ConfigReader& config, CompiledModel& model) {
  const auto integer = [&](const char* name, int max) {
    return config.Integer(FieldName(name).c_str(), 1, 1, max);
  };
  Architecture decoder = {.vocab_size = model.vocab_size, .context_size = model.context_size};
  decoder.num_heads = integer("heads", 1 << 12);
  decoder.num_kv_heads = integer("kv_heads", 1 << 12);
  decoder.head_size = integer("head_size", 1 << 12);
  decoder.attention_soft_cap = config.Float(FieldName("soft_cap").c_str(), 0, 0, 1e6f);
  const std::vector<float> scales = config.Floats(FieldName("scales").c_str());
  const std::vector<float> windows = config.Floats(FieldName("windows").c_str());
  decoder.num_layers = static_cast<int>(scales.size());
  if (scales.empty() || windows.size() != scales.size()) {
    config.Refuse("chorus_compiled.scales and windows must have one number for each layer",
                  absl::StrCat(scales.size(), " and ", windows.size()));
    return;
  }
  for (size_t i = 0; i < scales.size(); ++i) {
    if (!(windows[i] >= 0 && windows[i] <= 1 << 20)) {
      config.Refuse("chorus_compiled.windows must be from 0 to 1048576", absl::StrCat(windows[i]));
      return;
    }
    decoder.attention.push_back({.scale = scales[i], .window = static_cast<int>(windows[i])});
  }
  if (decoder.num_heads % decoder.num_kv_heads != 0) {
    config.Refuse("chorus_compiled.heads must be a multiple of kv_heads",
                  absl::StrCat(decoder.num_heads, " and ", decoder.num_kv_heads));
  }
  decoder.head = ReadLanguageModelHead(config, decoder.vocab_size, {});
  model.decoder = std::move(decoder);
}

// A weight's name for another.
void ReadSameWeights(ConfigReader& config, CompiledModel& model) {
  const nlohmann::json* same = config.Find("chorus_compiled.same_weights");
  if (same == nullptr) return;
  for (const auto& [asked, stored] : same->items()) {
    if (!same->is_object() || !stored.is_string()) {
      config.Refuse("chorus_compiled.same_weights must be an object of names", ShownJson(*same));
      return;
    }
    model.same_weights[asked] = stored.get<std::string>();
  }
}

absl::Status ReadFields(ConfigReader& config, CompiledModel& model) {
  const auto field = FieldName;
  const auto integer = [&](const char* name, int fallback, int min, int max) {
    return config.Integer(field(name).c_str(), fallback, min, max);
  };
  const std::vector<std::string> architectures = config.Strings("architectures");
  if (!architectures.empty()) model.architecture = architectures[0];
  model.torch_version = config.String(field("torch").c_str(), "");
  model.device = config.String(field("device").c_str(), "cpu");
  model.cpu_flags = config.Strings(field("cpu_flags").c_str());
  model.vocab_size = integer("vocab_size", 0, 1, 1 << 24);
  model.context_size = integer("context_size", 0, 1, 1 << 20);
  model.num_token_types = integer("token_types", 1, 1, 1 << 10);
  model.num_values = integer("num_values", 0, 1, 1 << 20);
  model.padding_id = integer("padding_id", 0, 0, 1 << 24);
  ReadSameWeights(config, model);
  const std::string dtype = config.String(field("dtype").c_str(), "float32");
  const auto known = std::ranges::find(kPrecisionNames, dtype, &PrecisionName::name);
  if (known == std::end(kPrecisionNames)) {
    config.Refuse(field("dtype") + " must be float32, bfloat16 or float16", dtype);
  } else {
    model.precision = known->precision;
  }
  RETURN_IF_ERROR(config.status());
  for (const auto& [name, value] : {std::pair{"vocab_size", model.vocab_size},
                                    {"context_size", model.context_size},
                                    {"num_values", model.num_values}}) {
    if (value == 0) config.Refuse(field(name) + " must be there", "none");
  }
  if (model.padding_id >= model.vocab_size) {
    config.Refuse(field("padding_id") + " must be below vocab_size",
                  absl::StrCat(model.padding_id));
  }
  return config.status();
}

absl::Status Read(const fs::path& folder, std::optional<Pooling> pooling, ConfigReader& config,
                  CompiledModel& model) {
  RETURN_IF_ERROR(ReadFields(config, model));
  const std::string output = config.String("chorus_compiled.output", "");
  if (output == kNextTokenLogits) {
    ReadDecoder(config, model);
  } else if (output == kHiddenStates) {
    RETURN_IF_ERROR(ReadEmbedder(folder, pooling, model));
  } else if (output == kLogits) {
    ClassificationHead head = ReadClassificationHead(config);
    const auto num_labels = static_cast<int>(head.labels.size());
    if (num_labels != model.num_values) {
      config.Refuse("chorus_compiled.num_values must be the number of labels",
                    absl::StrCat(model.num_values, ", and there are ", num_labels));
    }
    model.head = std::move(head);
  } else {
    config.Refuse("chorus_compiled.output must be logits, hidden_states or next_token_logits",
                  output);
  }
  return config.status();
}

// The flags of the first CPU that /proc/cpuinfo tells of.
std::set<std::string> CpuFlags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    return absl::StrSplit(line.substr(line.find(':') + 1), ' ', absl::SkipEmpty());
  }
  return {};
}

}  // namespace

absl::StatusOr<std::optional<CompiledModel>> ReadCompiledModel(const fs::path& folder,
                                                               std::optional<Pooling> pooling) {
  const fs::path path = folder / "config.json";
  if (std::error_code error; !fs::exists(path, error)) return std::nullopt;
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadModelJson(path));
  ConfigReader config(json);
  if (!config.Has(kObject)) return std::nullopt;
  CompiledModel model{.file = folder / kFileName};
  const absl::Status status = Read(folder, pooling, config, model);
  if (status.ok()) return model;
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

absl::Status CheckNativeCode(const CompiledModel& model, std::string_view native_code) {
  Sha256 hash;
  RETURN_IF_ERROR(ReadPieces(model.file, [&](std::string_view piece) {
    hash.Update(piece);
    return absl::OkStatus();
  }));
  const std::string found = std::move(hash).HexDigest();
  if (native_code.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(model.file.string(),
                     " is native code, which would run with your rights. If you trust who made "
                     "it, let it run: --native_code ",
                     found));
  }
  if (found != native_code) {
    return absl::FailedPreconditionError(
        absl::StrCat(model.file.string(), " is not the native code that may run: its SHA-256 is ",
                     found, ", not ", AbslView(native_code)));
  }
  const std::set<std::string> flags = CpuFlags();
  const auto missing = std::ranges::find_if(
      model.cpu_flags, [&](const std::string& flag) { return !flags.contains(flag); });
  if (missing == model.cpu_flags.end()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(model.file.string(), " was compiled for another kind of CPU, which has ",
                   missing->substr(0, 32),
                   ": compile it on one like this, with chorus.save_model(…, compile=True)"));
}

}  // namespace chorus::runner
