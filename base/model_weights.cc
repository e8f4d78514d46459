#include "base/model_weights.h"

#include <optional>
#include <set>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/names.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

// The files that hold weights, or that have their index beside them, in order of preference.
constexpr const char* kFiles[] = {"model.safetensors", "pytorch_model.bin"};

// Files that hold weights in another form.
struct Form {
  std::string_view prefix;  // Of the file's name,
  std::string_view suffix;  // and its end.
  std::string_view what;    // What the file is.
  std::string_view load;    // How transformers is told to read it.
  std::string_view needs;   // Python packages that this takes.
};
constexpr Form kForms[] = {
    {"model-0", ".safetensors", "its weights are cut into shards, without their index", {}, {}},
    {"pytorch_model-0", ".bin", "its weights are cut into shards, without their index", {}, {}},
    {"tf_model", ".h5", "its weights are TensorFlow's", ", from_tf=True",
     "'transformers<5' torch tensorflow"},
    {"flax_model", ".msgpack", "its weights are Flax's", ", from_flax=True",
     "'transformers<5' torch flax"},
    {"", ".gguf", "its weights are GGUF's", ", gguf_file='%'", "transformers torch gguf"},
};

// The first of these names in order of kForms, and its form.
struct Found {
  const Form* form;
  std::string name;
};

std::optional<Found> FindOtherForm(const fs::path& folder) {
  std::optional<Found> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().native();
    for (const Form& form : kForms) {
      if (!name.starts_with(form.prefix) || !name.ends_with(form.suffix)) continue;
      const bool is_better =
          !found || &form < found->form || (&form == found->form && name < found->name);
      if (is_better) found = {&form, name};
    }
  }
  return found;
}

// Whether an untrusted name may become a part of a command.
bool IsPlain(std::string_view name) { return !name.empty() && HasNameCharacters(name); }

absl::StatusOr<ModelWeights> Shards(const fs::path& index) {
  ModelWeights weights{.path = index};
  ASSIGN_OR_RETURN(weights.index, ReadWeightsIndex(index));
  std::set<std::string> names;
  for (const auto& [tensor, name] : weights.index) names.insert(name);
  for (const std::string& name : names) {
    weights.files.push_back(index.parent_path() / name);
    std::error_code error;
    if (!fs::exists(weights.files.back(), error)) {
      return absl::NotFoundError(absl::StrCat(index.native(), ": its ", name, " is not there; ",
                                              "fetch the model whole, and try again"));
    }
  }
  return weights;
}

}  // namespace

absl::StatusOr<ModelWeights> FindModelWeights(const fs::path& folder,
                                              std::string_view architecture) {
  for (const char* name : kFiles) {
    std::error_code error;
    if (fs::exists(folder / name, error)) {
      return ModelWeights{.path = folder / name, .files = {folder / name}};
    }
    const fs::path index = folder / absl::StrCat(name, ".index.json");
    if (fs::exists(index, error)) return Shards(index);
  }
  const std::optional<Found> found = FindOtherForm(folder);
  if (!found) {
    return absl::NotFoundError(
        absl::StrCat(folder.native(), ": no ", kFiles[0], ", nor weights in another form"));
  }
  const auto& [form, name] = *found;
  const std::string where = absl::StrCat(folder.native(), ": no ", kFiles[0], ", only ", name, ": ",
                                         AbslView(form->what), ". ");
  if (form->needs.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, "Fetch the model whole, and try again"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      where, "To make what Chorus reads, run in the folder: pip install ", AbslView(form->needs),
      " && python3 -c \"from transformers import ",
      AbslView(IsPlain(architecture) ? architecture : "AutoModel"), " as M; M.from_pretrained('.'",
      absl::StrReplaceAll(AbslView(form->load), {{"%", IsPlain(name) ? name : "FILE"}}),
      ").save_pretrained('.')\""));
}

}  // namespace chorus
