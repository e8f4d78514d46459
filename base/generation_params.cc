#include "base/generation_params.h"

#include <google/protobuf/descriptor.h>

#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace chorus {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kMaxStopStrings = 16;
constexpr size_t kMaxStopBytes = 1024;
constexpr uint32_t kMaxSequences = 64;
constexpr uint32_t kMaxLogprobs = 20;
constexpr int kMaxBiases = 1024;
constexpr double kMaxBias = 100;   // OpenAI's,
constexpr double kMaxPenalty = 2;  // likewise.

class Problems {
 public:
  template <typename... Parts>
  void Unless(bool in_range, std::string field, const Parts&... parts) {
    if (!in_range) problems_.push_back({std::move(field), absl::StrCat(parts...)});
  }
  std::vector<FieldProblem> Take() { return std::move(problems_); }

 private:
  std::vector<FieldProblem> problems_;
};

void CheckStopStrings(const v1::GenerationParams& params, Problems& problems) {
  problems.Unless(params.stop_size() <= kMaxStopStrings, "stop", "must have at most ",
                  kMaxStopStrings, " entries: ", params.stop_size());
  for (int i = 0; i < params.stop_size(); ++i) {
    const size_t size = params.stop(i).size();
    const std::string field = absl::StrCat("stop[", i, "]");
    problems.Unless(size >= 1 && size <= kMaxStopBytes, field, "must have 1 to ", kMaxStopBytes,
                    " bytes: ", size);
    problems.Unless(IsValidUtf8(params.stop(i)), field, "must be UTF-8");
  }
}

void CheckBiases(const v1::GenerationParams& params, Problems& problems) {
  problems.Unless(params.logit_bias_size() <= kMaxBiases, "logit_bias", "must have at most ",
                  kMaxBiases, " entries: ", params.logit_bias_size());
  absl::flat_hash_set<int32_t> ids;
  for (int i = 0; i < params.logit_bias_size(); ++i) {
    const auto& [id, bias] = std::pair(params.logit_bias(i).id(), params.logit_bias(i).bias());
    const std::string field = absl::StrCat("logit_bias[", i, "]");
    problems.Unless(id >= 0, absl::StrCat(field, ".id"), "must be at least 0: ", id);
    problems.Unless(ids.insert(id).second, absl::StrCat(field, ".id"), "is named twice: ", id);
    problems.Unless(std::abs(bias) <= kMaxBias, absl::StrCat(field, ".bias"), "must be -", kMaxBias,
                    " to ", kMaxBias, ": ", bias);
  }
}

void CopyField(const Message& from, const FieldDescriptor& field, Message& to,
               const FieldDescriptor& target) {
  const Reflection& read = *from.GetReflection();
  const Reflection& write = *to.GetReflection();
  if (field.is_repeated()) {
    for (int i = 0; i < read.FieldSize(from, &field); ++i) {
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        write.AddString(&to, &target, read.GetRepeatedString(from, &field, i));
      } else {
        write.AddMessage(&to, &target)->CopyFrom(read.GetRepeatedMessage(from, &field, i));
      }
    }
    return;
  }
  if (!read.HasField(from, &field)) return;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return write.SetUInt32(&to, &target, read.GetUInt32(from, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return write.SetUInt64(&to, &target, read.GetUInt64(from, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return write.SetDouble(&to, &target, read.GetDouble(from, &field));
    default:
      return write.SetBool(&to, &target, read.GetBool(from, &field));
  }
}

v1::GenerationParams MakeDefaults() {
  v1::GenerationParams params;
  params.set_max_length(128);
  params.set_do_sample(true);
  params.set_temperature(1);
  params.set_top_k(50);
  params.set_top_p(1);
  params.set_min_p(0);
  params.set_repetition_penalty(1);
  params.set_num_return_sequences(1);
  params.set_ignore_eos(false);
  params.set_split_special_tokens(false);
  return params;
}

}  // namespace

v1::GenerationParams ParamsOf(const Message& message) {
  v1::GenerationParams params;
  const Descriptor& descriptor = *v1::GenerationParams::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& target = *descriptor.field(i);
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(target.name());
    if (field != nullptr) CopyField(message, *field, params, target);
  }
  return params;
}

std::vector<FieldProblem> CheckRanges(const v1::GenerationParams& params) {
  Problems problems;
  problems.Unless(!params.has_max_length() || params.max_length() >= 1, "max_length",
                  "must be at least 1: 0");
  problems.Unless(
      !params.has_max_new_tokens() || params.max_new_tokens() >= 1 || params.prompt_logprobs(),
      "max_new_tokens", "must be at least 1: 0");
  // Where nothing is drawn, it does not matter.
  const bool samples = !params.has_do_sample() || params.do_sample();
  const double temperature = params.temperature();
  problems.Unless(
      std::isfinite(temperature) && (temperature >= 0 || !samples), "temperature",
      "must be finite and at least 0 (0 takes the likeliest token each time): ", temperature);
  problems.Unless(!params.has_top_p() || (params.top_p() > 0 && params.top_p() <= 1), "top_p",
                  "must be greater than 0 and at most 1: ", params.top_p());
  problems.Unless(params.min_p() >= 0 && params.min_p() <= 1, "min_p",
                  "must be 0 to 1: ", params.min_p());
  const double penalty = params.repetition_penalty();
  problems.Unless(!params.has_repetition_penalty() || (std::isfinite(penalty) && penalty > 0),
                  "repetition_penalty", "must be finite and greater than 0: ", penalty);
  for (const auto& [field, value] : {std::pair("frequency_penalty", params.frequency_penalty()),
                                     std::pair("presence_penalty", params.presence_penalty())}) {
    problems.Unless(std::abs(value) <= kMaxPenalty, field, "must be -", kMaxPenalty, " to ",
                    kMaxPenalty, ": ", value);
  }
  CheckBiases(params, problems);
  CheckStopStrings(params, problems);
  const uint32_t num_sequences = params.num_return_sequences();
  problems.Unless(
      !params.has_num_return_sequences() || (num_sequences >= 1 && num_sequences <= kMaxSequences),
      "num_return_sequences", "must be 1 to ", kMaxSequences, ": ", num_sequences);
  problems.Unless(params.logprobs() <= kMaxLogprobs, "logprobs", "must be at most ", kMaxLogprobs,
                  ": ", params.logprobs());
  return problems.Take();
}

const v1::GenerationParams& DefaultParams() {
  static const auto* const params = new v1::GenerationParams(MakeDefaults());
  return *params;
}

void Override(const v1::GenerationParams& overrides, v1::GenerationParams& params) {
  if (overrides.has_max_length()) params.clear_max_new_tokens();
  if (!overrides.stop().empty()) params.clear_stop();
  if (!overrides.logit_bias().empty()) params.clear_logit_bias();
  params.MergeFrom(overrides);
}

}  // namespace chorus
