#include "api_server/transcoding/query_parser.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api_server/transcoding/field_path.h"
#include "api_server/transcoding/percent_encoding.h"
#include "base/error_details.h"
#include "base/names.h"
#include "base/near_name.h"
#include "base/quote.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

// A body may be long, and each of its pairs costs a look at every field.
constexpr size_t kMaxFormPairs = 256;

bool IsMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

// A name as programs give them to the entries of a dictionary.
bool IsIdentifier(std::string_view text) {
  return !text.empty() && !absl::ascii_isdigit(text[0]) && HasNameCharacters(text);
}

bool IsPathVariable(const FieldPath& path, const HttpBinding& binding) {
  return std::find(binding.variables.begin(), binding.variables.end(), path) !=
         binding.variables.end();
}

// Collects the leaves below one message.
class Leaves {
 public:
  explicit Leaves(const HttpBinding& binding) : binding_(binding) {}

  void Add(const Descriptor& message) {
    if (std::find(above_.begin(), above_.end(), &message) != above_.end()) return;
    above_.push_back(&message);
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      if (&field == binding_.body_field) continue;
      path_.push_back(&field);
      if (!IsMessage(field)) {
        if (!IsPathVariable(path_, binding_)) names_.push_back(FieldPathName(path_));
      } else if (!field.is_repeated()) {
        Add(*field.message_type());
      }
      path_.pop_back();
    }
    above_.pop_back();
  }

  std::vector<std::string> names() && { return std::move(names_); }

 private:
  const HttpBinding& binding_;
  std::vector<const Descriptor*> above_;
  FieldPath path_;
  std::vector<std::string> names_;
};

// "name=value", encoded; without "=" a name with an empty value.
using Pair = std::pair<absl::string_view, absl::string_view>;

std::vector<absl::string_view> SplitPairs(std::string_view text) {
  return absl::StrSplit(AbslView(text), '&', absl::SkipEmpty());
}

Pair SplitPair(absl::string_view pair) { return absl::StrSplit(pair, absl::MaxSplits('=', 1)); }

// Sets a message's fields from the pairs of the query, and of a form in the body.
class Parameters {
 public:
  Parameters(const HttpBinding& binding, Message& message) : binding_(binding), message_(message) {}

  absl::Status SetFromQuery(std::string_view query) {
    in_form_ = false;
    return SetAll(query);
  }

  absl::Status SetFromForm(std::string_view form) {
    in_form_ = true;
    if (std::count(form.begin(), form.end(), '&') >= static_cast<std::ptrdiff_t>(kMaxFormPairs)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the form has more than ", kMaxFormPairs, " fields", kTextInstead));
    }
    RETURN_IF_ERROR(SetAll(form));
    if (seen_.contains(binding_.body_field->name())) return absl::OkStatus();
    return Wrong(binding_.body_field->name(), "the form gives no ", binding_.body_field->name(),
                 kTextInstead);
  }

 private:
  static constexpr char kTextInstead[] =
      "; to have the body taken as the text that it is, send the header Content-Type: text/plain";

  const char* what() const { return in_form_ ? "form field" : "query parameter"; }
  const char* hint() const { return in_form_ ? kTextInstead : ""; }

  absl::Status SetAll(std::string_view text) {
    for (const absl::string_view pair : SplitPairs(text)) {
      const Pair parts = SplitPair(pair);
      ASSIGN_OR_RETURN(const std::string name, Decode(StdView(parts.first)));
      ASSIGN_OR_RETURN(const std::string value, Decode(StdView(parts.second)));
      RETURN_IF_ERROR(Set(name, value));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Decode(std::string_view text) const {
    auto decoded = DecodeFormComponent(text);
    if (decoded.ok()) return decoded;
    return absl::InvalidArgumentError(
        absl::StrCat(in_form_ ? "the form in the body" : "the query string",
                     " is malformed: ", decoded.status().message(), hint()));
  }

  absl::Status Set(const std::string& name, const std::string& value) {
    if (binding_.body == HttpBinding::Body::kWhole) {
      return Wrong(name, "unknown query parameter ", QuoteForMessage(name), ": ", binding_.name(),
                   " takes none, its fields are members of the JSON body");
    }
    ASSIGN_OR_RETURN(const FieldPath path, Find(name));
    const std::string field = FieldPathName(path);
    if (!seen_.insert(field).second && !path.back()->is_repeated()) {
      return Wrong(field, "the ", what(), " ", field, " must be given once");
    }
    const absl::Status status = SetField(path, value, message_);
    if (status.ok()) return status;
    return Wrong(field, what(), " ", field, " ", status.message());
  }

  // A refusal that names the field.
  template <typename... Words>
  static absl::Status Wrong(std::string_view field, const Words&... words) {
    return WithField(absl::InvalidArgumentError(absl::StrCat(words...)), field);
  }

  // The field that the parameter sets.
  absl::StatusOr<FieldPath> Find(std::string_view name) const {
    FieldPath path = ResolveFieldPath(*binding_.method->input_type(), name);
    if (path.empty()) return Unknown(name);
    const std::string field = FieldPathName(path);
    const auto not_allowed = [&](std::string_view why) {
      return Wrong(field, "the ", what(), " ", field, " is not allowed: ", AbslView(why));
    };
    if (path.front() == binding_.body_field && !in_form_) {
      return not_allowed(absl::StrCat("the body gives ", path.front()->name()));
    }
    if (IsPathVariable(path, binding_)) return not_allowed("the path gives it");
    if (IsMessage(*path.back())) {
      return not_allowed("the field is a message, whose fields are named one by one");
    }
    return path;
  }

  absl::Status Unknown(std::string_view name) const {
    std::vector<std::string> known = GetQueryParameters(binding_);
    if (in_form_) known.insert(known.begin(), binding_.body_field->name());
    const std::string near = NearName(name, known);
    return Wrong(name, "unknown ", what(), " ", QuoteForMessage(name),
                 near.empty() ? "" : absl::StrCat(" (did you mean ", near, "?)"), ": ",
                 binding_.name(), " takes ", known.empty() ? "none" : absl::StrJoin(known, ", "),
                 hint());
  }

  const HttpBinding& binding_;
  Message& message_;
  bool in_form_ = false;  // What is being read.
  absl::flat_hash_set<std::string> seen_;
};

}  // namespace

absl::Status ParseQuery(std::string_view query, const HttpBinding& binding, Message& message) {
  return Parameters(binding, message).SetFromQuery(query);
}

bool IsFormOfFields(std::string_view body, const HttpBinding& binding) {
  const std::vector<absl::string_view> pairs = SplitPairs(body);
  bool all_encoded = !body.empty() && pairs.size() <= kMaxFormPairs;
  for (size_t i = 0; i < std::min(pairs.size(), kMaxFormPairs); ++i) {
    const Pair parts = SplitPair(pairs[i]);
    const bool has_value = parts.first.size() != pairs[i].size();  // There is an "=".
    all_encoded = all_encoded && has_value && IsIdentifier(StdView(parts.first)) &&
                  std::all_of(pairs[i].begin(), pairs[i].end(), absl::ascii_isgraph);
    if (!has_value) continue;
    const auto name = DecodeFormComponent(StdView(parts.first));
    if (name.ok() && !ResolveFieldPath(*binding.method->input_type(), *name).empty()) return true;
  }
  return all_encoded;
}

absl::Status ParseForm(std::string_view form, std::string_view query, const HttpBinding& binding,
                       Message& message) {
  Parameters parameters(binding, message);
  RETURN_IF_ERROR(parameters.SetFromForm(form));
  return parameters.SetFromQuery(query);
}

std::vector<std::string> GetQueryParameters(const HttpBinding& binding) {
  if (binding.body == HttpBinding::Body::kWhole) return {};
  Leaves leaves(binding);
  leaves.Add(*binding.method->input_type());
  return std::move(leaves).names();
}

}  // namespace chorus::gateway
