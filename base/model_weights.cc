#include "base/model_weights.h"

#include <optional>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/names.h"
#include "base/string_view.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

// Files that hold weights in another form.
struct Form {
  std::string_view prefix;  // Of the file's name,
  std::string_view suffix;  // and its end.
  std::string_view what;    // What the file is.
  std::string_view load;    // How transformers is told to read it.
  std::string_view needs;   // Python packages that this takes.
};
constexpr Form kForms[] = {
    {"model.safetensors.index", ".json", "its weights are cut into shards", "",
     "transformers torch"},
    {"model-0", ".safetensors", "its weights are cut into shards, without their index", {}, {}},
    {"pytorch_model", ".bin", "its weights are a pickle, which could run code", "",
     "transformers torch"},
    {"pytorch_model.bin.index", ".json", "its weights are pickles, which could run code", "",
     "transformers torch"},
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

}  // namespace

absl::Status CheckWeightsFile(const fs::path& folder, std::string_view architecture) {
  std::error_code error;
  if (fs::exists(folder / kWeightsFileName, error)) return absl::OkStatus();
  const std::optional<Found> found = FindOtherForm(folder);
  if (!found) {
    return absl::NotFoundError(
        absl::StrCat(folder.native(), ": no ", kWeightsFileName, ", nor weights in another form"));
  }
  const auto& [form, name] = *found;
  const std::string where = absl::StrCat(folder.native(), ": no ", kWeightsFileName, ", only ",
                                         name, ": ", AbslView(form->what), ". ");
  if (form->needs.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, "Chorus reads one file; fetch the model whole, and try again"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      where, "Chorus reads one file, ", kWeightsFileName, "; to make it, run in the folder: pip ",
      "install ", AbslView(form->needs), " && python3 -c \"from transformers import ",
      AbslView(IsPlain(architecture) ? architecture : "AutoModel"), " as M; M.from_pretrained('.'",
      absl::StrReplaceAll(AbslView(form->load), {{"%", IsPlain(name) ? name : "FILE"}}),
      ").save_pretrained('.', max_shard_size='1TB')\""));
}

}  // namespace chorus
