#pragma once

// What can be told of a model without its weights, from its config.json: the runner asks when it
// loads the model, and `chorus models pull` before it fetches the weights.
//
// Thread safety: a plain value and a function without state.

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

struct ModelArchitecture {
  const ArchitectureRow* row = nullptr;  // Of the table; not null.
  Architecture architecture;
  bool is_named = true;  // By config.json's "architectures"; else by its model_type.
  // Such as "BertForTokenClassification", whose head Chorus does not run; `row` is then that of the
  // family's classifiers. Empty: the row's own head, or none.
  std::string other_head;
};

// NOT_FOUND without a config.json; INVALID_ARGUMENT, with its path, if it names no architecture of
// the table and no other head on an encoder of it, or a value that is not implemented, or says that
// the weights are quantised.
absl::StatusOr<ModelArchitecture> ReadModelArchitecture(const std::filesystem::path& folder);

// How an error ends that says of a model of this row's family that it has no classification head.
std::string WhatToDoWithoutHead(const ArchitectureRow& row);

// FAILED_PRECONDITION, which says what to do, if the model has another head.
absl::Status CheckHead(const std::filesystem::path& folder, const ModelArchitecture& model);

}  // namespace chorus::runner
