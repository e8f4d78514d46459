#pragma once

// Early return on a failed absl::Status.
//
//   RETURN_IF_ERROR(file.Close());
//   ASSIGN_OR_RETURN(std::string text, ReadFile(path));

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

#define CHORUS_CONCAT_INNER_(a, b) a##b
#define CHORUS_CONCAT_(a, b) CHORUS_CONCAT_INNER_(a, b)

#define ASSIGN_OR_RETURN(declaration, expression) \
  CHORUS_ASSIGN_OR_RETURN_(CHORUS_CONCAT_(status_or_, __LINE__), declaration, expression)

#define CHORUS_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  declaration = *std::move(result)
