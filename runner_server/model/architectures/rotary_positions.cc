// Rotary positions as Hugging Face's modeling_rope_utils computes them.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

// The object of config.json, and what is computed from it.
class Rope {
 public:
  Rope(ConfigReader& config, const std::string& object, float theta, int dimensions,
       int context_size, int original_context)
      : config_(config),
        object_(object),
        dimensions_(dimensions),
        names_original_(original_context > 0),
        original_context_(original_context > 0 ? original_context : context_size),
        context_size_(context_size) {
    theta_ = config.Float(Field("rope_theta").c_str(), theta, 1, 1e12f);
    for (int i = 0; i < dimensions; i += 2) {
      const float exponent = static_cast<float>(i) / static_cast<float>(dimensions);
      periods_.push_back(static_cast<float>(std::pow(double{theta_}, double{exponent})));
    }
  }

  RotaryPositions Read() {
    std::string type = config_.String(Field("rope_type").c_str(), "default");
    type = config_.String(Field("type").c_str(), type);
    // Texts longer than the context, for which dynamic has other frequencies, are refused.
    if (type == "default" || type == "dynamic") return {.frequencies = Frequencies()};
    if (type == "linear") return Linear();
    if (type == "llama3") return Llama3();
    if (type == "yarn") return Yarn();
    if (type == "longrope" || type == "su") return LongRope();
    config_.Refuse(absl::StrCat(Field("rope_type"),
                                " must be default, linear, dynamic, llama3, yarn or longrope"),
                   type);
    return {};
  }

  int context_size() const { return context_size_; }

 private:
  std::string Field(const char* name) const { return absl::StrCat(object_, ".", name); }
  double Required(const char* name, float min, float max) {
    if (!config_.Has(Field(name).c_str())) config_.Refuse(Field(name), "missing");
    return config_.Float(Field(name).c_str(), 1, min, max);
  }
  double Factor() { return Required("factor", 1, 1e6f); }
  int OriginalContext() {
    return config_.Integer(Field("original_max_position_embeddings").c_str(), original_context_, 2,
                           1 << 24);
  }

  std::vector<float> Frequencies() const {
    std::vector<float> frequencies;
    for (const float period : periods_) frequencies.push_back(1.0f / period);
    return frequencies;
  }

  RotaryPositions Linear() {
    RotaryPositions rotary = {.frequencies = Frequencies()};
    const auto factor = static_cast<float>(Factor());
    for (float& frequency : rotary.frequencies) frequency /= factor;
    return rotary;
  }

  // Slow turns are stretched, fast ones not, and those between in between.
  RotaryPositions Llama3() {
    RotaryPositions rotary = {.frequencies = Frequencies()};
    const double factor = Factor();
    const double low = Required("low_freq_factor", 1e-6f, 1e6f);
    const double high = Required("high_freq_factor", 1e-6f, 1e6f);
    if (!config_.Has(Field("original_max_position_embeddings").c_str())) {
      config_.Refuse(Field("original_max_position_embeddings"), "missing");
    }
    const double context = OriginalContext();
    for (float& frequency : rotary.frequencies) {
      const double turns = context * frequency / kTurn;
      const double smooth = (turns - low) / (high - low);
      const double kept = turns < low ? 0 : turns > high ? 1 : smooth;
      frequency = static_cast<float>((1 - kept) * frequency / factor + kept * frequency);
    }
    return rotary;
  }

  // Peng et al., 2023, arXiv:2309.00071.
  RotaryPositions Yarn() {
    if (dimensions_ % 2 != 0) {
      config_.Refuse("yarn must have an even number of dimensions with rotary positions",
                     std::to_string(dimensions_));
    }
    const double factor = Factor();
    const double context = OriginalContext();
    const double fast = config_.Float(Field("beta_fast").c_str(), 32, 1e-3f, 1e6f);
    const double slow = config_.Float(Field("beta_slow").c_str(), 1, 1e-3f, 1e6f);
    const auto dimension_of = [&](double turns) {
      return dimensions_ * std::log(context / (turns * kTurn)) / (2 * std::log(double{theta_}));
    };
    double low = dimension_of(fast), high = dimension_of(slow);
    if (config_.Bool(Field("truncate").c_str(), true)) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, dimensions_ - 1.0);
    if (low == high) high += 0.001;
    RotaryPositions rotary = {.frequencies = Frequencies(), .scale = YarnScale(factor)};
    for (size_t i = 0; i < rotary.frequencies.size(); ++i) {
      const double stretched = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
      float& frequency = rotary.frequencies[i];
      frequency = static_cast<float>(frequency / factor * stretched + frequency * (1 - stretched));
    }
    return rotary;
  }

  float YarnScale(double factor) {
    const auto scale = [&](double by) { return factor <= 1 ? 1 : 0.1 * by * std::log(factor) + 1; };
    const double mscale = config_.Float(Field("mscale").c_str(), 0, 0, 1e3f);
    const double mscale_all = config_.Float(Field("mscale_all_dim").c_str(), 0, 0, 1e3f);
    const double fallback =
        mscale > 0 && mscale_all > 0 ? scale(mscale) / scale(mscale_all) : scale(1);
    return config_.Float(Field("attention_factor").c_str(), static_cast<float>(fallback), 0, 1e3f);
  }

  // Ding et al., 2024, arXiv:2402.13753. A text that outgrows the original context would change
  // every position in it, so that the context ends there.
  RotaryPositions LongRope() {
    // transformers before version 5 does not look for the original context in rope_scaling.
    constexpr char kOriginal[] = "original_max_position_embeddings";
    const bool is_old = object_ == "rope_scaling";
    const int original =
        config_.Integer(kOriginal, is_old ? original_context_ : OriginalContext(), 2, 1 << 24);
    const bool is_told =
        is_old ? names_original_ || config_.Has(kOriginal) : original != context_size_;
    const float scale = LongRopeScale(is_told, original);
    RotaryPositions rotary = {.scale =
                                  config_.Float(Field("attention_factor").c_str(), scale, 0, 1e3f)};
    const std::vector<float> factors = config_.Floats(Field("short_factor").c_str());
    if (factors.size() != periods_.size()) {
      config_.Refuse(
          absl::StrCat(Field("short_factor"), " must have ", periods_.size(), " numbers"),
          std::to_string(factors.size()));
      return rotary;
    }
    for (size_t i = 0; i < factors.size(); ++i) {
      rotary.frequencies.push_back(1.0f / (factors[i] * periods_[i]));
    }
    context_size_ = std::min(context_size_, original);
    return rotary;
  }

  // By the factor that is told, or the ratio of the contexts.
  float LongRopeScale(bool is_told, int original) {
    double factor = static_cast<double>(context_size_) / original;
    const bool is_asked = !config_.Has(Field("attention_factor").c_str());
    if (!is_told && (is_asked || config_.Has(Field("factor").c_str()))) factor = Factor();
    if (factor <= 1) return 1;
    return static_cast<float>(std::sqrt(1 + std::log(factor) / std::log(double(original))));
  }

  ConfigReader& config_;
  const std::string object_;
  const int dimensions_;
  const bool names_original_;  // The architecture does, where the config need not.
  const int original_context_;
  int context_size_;
  float theta_ = 0;
  std::vector<float> periods_;  // theta^(i / dimensions), i = 0, 2, ...
};

}  // namespace

int AddRotaryPositions(ConfigReader& config, const std::string& object, float theta, int dimensions,
                       Architecture& architecture, int original_context) {
  // Of an odd number the frequencies are as they are, and turn a dimension more.
  const int num_turned = dimensions + dimensions % 2;
  if (dimensions < 1 || num_turned > architecture.head_size) {
    config.Refuse(
        absl::StrCat("the dimensions with rotary positions must be from 1, and, the next even "
                     "number of an odd one, at most ",
                     architecture.head_size),
        std::to_string(dimensions));
    return -1;
  }
  Rope rope(config, object, theta, dimensions, architecture.context_size, original_context);
  architecture.rotaries.push_back(rope.Read());
  architecture.context_size = rope.context_size();
  return static_cast<int>(architecture.rotaries.size()) - 1;
}

int AddRotaryPositions(ConfigReader& config, float theta, double part_of_head,
                       Architecture& architecture, int original_context) {
  const std::string object = config.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const std::string field = object + ".partial_rotary_factor";
  const double part = config.Double(field.c_str(), part_of_head, 0, 1);
  return AddRotaryPositions(config, object, theta, static_cast<int>(architecture.head_size * part),
                            architecture, original_context);
}

}  // namespace chorus::runner
