#pragma once

// The supported architectures: name in config.json, reader, and tokenizer. To add one: a reader in
// NAME.cc beside this file, its declaration here, and a row in table.cc.
//
// A reader reads every field, with Hugging Face's defaults; errors are in ConfigReader::status().
// Thread safety: free functions without state.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/config_reader.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

struct ArchitectureRow {
  std::string_view name;        // In config.json's "architectures", such as "GPT2LMHeadModel".
  std::string_view model_type;  // That tells it in a config without "architectures".
  Architecture (*read)(ConfigReader& config);
  absl::StatusOr<std::unique_ptr<Tokenizer>> (*load_tokenizer)(const std::filesystem::path& folder);
};

std::span<const ArchitectureRow> ArchitectureTable();

Architecture ReadGpt2(ConfigReader& config);
Architecture ReadBert(ConfigReader& config);
Architecture ReadDistilBert(ConfigReader& config);
Architecture ReadRoberta(ConfigReader& config);

// What several of them have in common.

// The labels of a ...ForSequenceClassification; regression and multi-label are refused.
ClassificationHead ReadClassificationHead(ConfigReader& config);
// BERT up to its head.
Architecture ReadBertBody(ConfigReader& config);

}  // namespace chorus::runner
