#pragma once

// What a service serves: one engine and what there is to say of its model. Plain data.

#include <string>
#include <string_view>
#include <variant>

#include "runner_server/engine/classification_engine.h"
#include "runner_server/engine/generation_engine.h"

namespace chorus {

struct HostedModel {
  std::string name;          // That the runner was started with.
  std::string version;       // In the model store, or empty.
  std::string architecture;  // As in config.json, such as "GPT2LMHeadModel".
  std::string dtype;         // Of the weights, such as "bfloat16".
  bool batch_invariant;      // As the model's.
  // Not null; outlives the service's use of this.
  std::variant<GenerationEngine*, ClassificationEngine*> engine;
};

// One of the two engines, as a call uses it.
template <typename Engine>
struct HostedEngine {
  Engine* engine;            // Not null.
  std::string_view version;  // HostedModel's.
};

}  // namespace chorus
