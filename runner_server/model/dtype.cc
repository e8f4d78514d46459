#include "runner_server/model/dtype.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/string_view.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

std::vector<std::string> DtypeNames() {
  std::vector<std::string> names = {"auto"};
  for (const Precision precision : kPrecisions) names.emplace_back(DtypeName(precision));
  return names;
}

absl::StatusOr<Precision> ParseDtype(std::string_view name) {
  if (name == "auto") {
    return Kernels().native_bfloat16 ? Precision::kBfloat16 : Precision::kFloat32;
  }
  for (const Precision precision : kPrecisions) {
    if (name == DtypeName(precision)) return precision;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "dtype must be one of ", absl::StrJoin(DtypeNames(), ", "), ": ", AbslView(name)));
}

std::string_view DtypeName(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "float32";
    case Precision::kBfloat16:
      return "bfloat16";
    case Precision::kInt8:
      return "int8";
    case Precision::kInt8WeightOnly:
      return "int8_weight_only";
  }
  return "";
}

}  // namespace chorus::runner
