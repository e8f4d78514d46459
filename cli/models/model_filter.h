#pragma once

// Which models `chorus models list` shows.
//
// Pure. Thread safety: values and a free function.

#include <string>
#include <vector>

#include "model_store/manifest.h"

namespace chorus {

// A model must match all that is given. In patterns `*` stands for any characters, `?` for one, and
// `[abc]` for one of these (glob(7)).
struct ModelFilter {
  std::string name;                 // Pattern of the name or, with a colon, of the tag.
  std::vector<std::string> labels;  // "KEY" must be there, "KEY=VALUE" must be that.
  std::string task;
  std::string architecture;  // Pattern.
};

bool Matches(const ModelFilter& filter, const store::Manifest& model);

}  // namespace chorus
