#include "runner_server/model/dtype.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/dtypes.h"
#include "base/string_view.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

static_assert(kDtypes.size() == 1 + kNumPrecisions);

absl::StatusOr<Precision> ParseDtype(std::string_view name) {
  if (name == kDtypes[0]) return Kernels().auto_precision;
  for (const Precision precision : kPrecisions) {
    if (name == DtypeName(precision)) return precision;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("dtype must be one of ", absl::StrJoin(kDtypes, ", "), ": ", AbslView(name)));
}

std::string_view DtypeName(Precision precision) {
  return kDtypes[1 + static_cast<size_t>(precision)];
}

}  // namespace chorus::runner
