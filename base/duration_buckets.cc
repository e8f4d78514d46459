#include "base/duration_buckets.h"

namespace chorus {

std::vector<double> DurationBuckets(std::vector<double> fine, absl::Duration longest) {
  const double last = absl::ToDoubleSeconds(longest);
  for (const double bound :
       {5., 10., 15., 30., 60., 120., 300., 600., 1800., 3600., 7200., 14400., 28800., 86400.}) {
    if (fine.back() >= last) break;
    if (bound > fine.back()) fine.push_back(bound);
  }
  if (fine.back() < last) fine.push_back(last);
  return fine;
}

}  // namespace chorus
