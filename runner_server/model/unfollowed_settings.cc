#include "runner_server/model/unfollowed_settings.h"

#include <nlohmann/json.hpp>

namespace chorus::runner {
namespace {

// A setting and the number with which it changes nothing, as null, false and what is empty do.
struct Setting {
  const char* name;
  double idle;
};

constexpr double kNone = -1;  // Such as of tokens' ids: every number counts.

constexpr Setting kUnfollowed[] = {
    // Of the logits.
    {"no_repeat_ngram_size", 0},
    {"encoder_no_repeat_ngram_size", 0},
    {"encoder_repetition_penalty", 1},
    {"suppress_tokens", kNone},
    {"begin_suppress_tokens", kNone},
    {"bad_words_ids", kNone},
    {"sequence_bias", kNone},
    {"min_length", 0},
    {"min_new_tokens", 0},
    {"forced_bos_token_id", kNone},
    {"forced_eos_token_id", kNone},
    {"exponential_decay_length_penalty", kNone},
    {"guidance_scale", 1},
    {"watermarking_config", kNone},
    // Of sampling.
    {"typical_p", 1},
    {"epsilon_cutoff", 0},
    {"eta_cutoff", 0},
    // Of the search, and of its end.
    {"num_beams", 1},
    {"num_beam_groups", 1},
    {"penalty_alpha", 0},
    {"dola_layers", kNone},
    {"constraints", kNone},
    {"force_words_ids", kNone},
    {"token_healing", kNone},
    {"stop_strings", kNone},
};

// PretrainedConfig's, with transformers' defaults.
constexpr Setting kOfConfigs[] = {
    {"max_length", 20},
    {"min_length", 0},
    {"do_sample", kNone},
    {"early_stopping", kNone},
    {"num_beams", 1},
    {"temperature", 1},
    {"top_k", 50},
    {"top_p", 1},
    {"typical_p", 1},
    {"repetition_penalty", 1},
    {"length_penalty", 1},
    {"no_repeat_ngram_size", 0},
    {"encoder_no_repeat_ngram_size", 0},
    {"bad_words_ids", kNone},
    {"num_return_sequences", 1},
    {"output_scores", kNone},
    {"return_dict_in_generate", kNone},
    {"forced_bos_token_id", kNone},
    {"forced_eos_token_id", kNone},
    {"remove_invalid_values", kNone},
    {"exponential_decay_length_penalty", kNone},
    {"suppress_tokens", kNone},
    {"begin_suppress_tokens", kNone},
    {"num_beam_groups", 1},
    {"diversity_penalty", 0},
};

bool Changes(const nlohmann::json& config, const Setting& setting) {
  const auto found = config.find(setting.name);
  if (found == config.end() || found->is_null()) return false;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_number()) return setting.idle == kNone || found->get<double>() != setting.idle;
  return !found->empty();
}

}  // namespace

std::vector<std::string> UnfollowedSettings(const nlohmann::json& config) {
  std::vector<std::string> names;
  for (const Setting& setting : kUnfollowed) {
    if (Changes(config, setting)) names.emplace_back(setting.name);
  }
  // Of caches this one alone rounds what is in it.
  const auto cache = config.find("cache_implementation");
  if (cache != config.end() && *cache == "quantized") names.emplace_back("cache_implementation");
  return names;
}

bool SetsGeneration(const nlohmann::json& config) {
  for (const Setting& setting : kOfConfigs) {
    if (Changes(config, setting)) return true;
  }
  return false;
}

}  // namespace chorus::runner
