#include "runner_server/model/dtype.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/dtypes.h"
#include "base/string_view.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

static_assert(kDtypes.size() == 2 + kNumPrecisions);

absl::StatusOr<Precision> ParseDtype(std::string_view name) {
  if (name == kDtypes[0]) return Kernels().auto_precision;
  for (size_t i = 1; i < kDtypes.size(); ++i) {
    if (name == kDtypes[i]) return static_cast<Precision>(i - 1);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("dtype must be one of ", absl::StrJoin(kDtypes, ", "), ": ", AbslView(name)));
}

std::string_view DtypeName(Precision precision) {
  return kDtypes[1 + static_cast<size_t>(precision)];
}

}  // namespace chorus::runner
