#include "base/model_weights.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/model_file.h"
#include "base/model_modules.h"
#include "base/names.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

// The files that hold weights, or that have their index beside them, in order of preference.
constexpr const char* kFiles[] = {"model.safetensors", "pytorch_model.bin"};

// Files that hold weights in another form.
struct Form {
  std::string_view prefix;      // Of the file's name,
  std::string_view suffix;      // and its end.
  std::string_view what;        // What the file is.
  std::string_view advice;      // What to do; empty: convert it.
  std::string_view load = {};   // How transformers is told to read it.
  std::string_view needs = {};  // Python packages that this takes.
};

constexpr std::string_view kInShards = "its weights are cut into shards, without their index";
constexpr std::string_view kFetch = "Fetch the model whole, and try again";
constexpr std::string_view kVariant = "its weights have another name, as a variant's";
constexpr std::string_view kOriginal =
    "its weights are in the form of the model's makers, not in that of transformers";
constexpr std::string_view kTakeConverted =
    "Take the same model in transformers' form, often a folder whose name ends in -hf, or convert "
    "it with transformers' script for it, convert_…_weights_to_hf.py";
constexpr std::string_view kTraining = "it is the checkpoint of a training";
constexpr std::string_view kSaveIt =
    "Load it with the program that wrote it, and save the model with save_pretrained";

constexpr Form kForms[] = {
    {"model-0", ".safetensors", kInShards, kFetch},
    {"pytorch_model-0", ".bin", kInShards, kFetch},
    {"adapter_model", "", "it is an adapter (LoRA), which lacks the model that it changes",
     "Merge both in Python and give the new folder: AutoPeftModelForCausalLM.from_pretrained('.')"
     ".merge_and_unload().save_pretrained('../merged') of peft, and the tokenizer's files beside"},
    {"model.", ".safetensors", kVariant, "Rename it to model.safetensors"},
    {"pytorch_model.", ".bin", kVariant, "Rename it to pytorch_model.bin"},
    {"consolidated", ".safetensors", kOriginal, kTakeConverted},
    {"consolidated", ".pth", kOriginal, kTakeConverted},
    {"tf_model",
     ".h5",
     "its weights are TensorFlow's",
     {},
     ", from_tf=True",
     "'transformers<5' torch tensorflow"},
    {"flax_model",
     ".msgpack",
     "its weights are Flax's",
     {},
     ", from_flax=True",
     "'transformers<5' torch flax"},
    {"", ".gguf", "its weights are GGUF's", {}, ", gguf_file='%'", "transformers torch gguf"},
    {"", ".onnx", "it is a graph of ONNX, from which no model can be read",
     "Give the folder that it was exported from"},
    {"", ".ckpt.index", "its weights are TensorFlow 1's",
     "Convert them with transformers' script for it, convert_…_tf_checkpoint_to_pytorch.py"},
    {"", ".safetensors", kVariant, "If it is the whole model, rename it to model.safetensors"},
    {"", ".pt2", "it is code that torch has compiled, without its weights",
     "Save the model anew, with chorus.save_model(…, compile=True) of the Python package"},
    {"", ".pth", kTraining, kSaveIt},
    {"", ".pt", kTraining, kSaveIt},
    {"", ".ckpt", kTraining, kSaveIt},
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

// What is there in the place of what Chorus reads, and what to do.
std::string OnlyAnotherForm(const Found& found, std::string_view architecture) {
  const auto& [form, name] = found;
  const std::string what = absl::StrCat("only ", name, ": ", AbslView(form->what), ". ");
  if (!form->advice.empty()) return absl::StrCat(what, AbslView(form->advice));
  return absl::StrCat(
      what, "To make what Chorus reads, run in the folder: pip install ", AbslView(form->needs),
      " && python3 -c \"from transformers import ",
      AbslView(IsPlain(architecture) ? architecture : "AutoModel"), " as M; M.from_pretrained('.'",
      absl::StrReplaceAll(AbslView(form->load), {{"%", IsPlain(name) ? name : "FILE"}}),
      ").save_pretrained('.')\"");
}

// Of what cannot be read the reader of the weights will tell.
absl::Status CheckBeginning(const fs::path& file) {
  absl::Status checked;
  ReadPieces(file, [&](std::string_view piece) {
    checked = CheckIsNoStandIn(file, piece);
    return absl::CancelledError("enough");
  }).IgnoreError();
  return checked;
}

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
    RETURN_IF_ERROR(CheckBeginning(weights.files.back()));
  }
  return weights;
}

}  // namespace

absl::StatusOr<ModelWeights> FindModelWeights(const fs::path& model_folder,
                                              std::string_view architecture) {
  const fs::path folder = TransformerFolder(model_folder);
  for (const char* name : kFiles) {
    std::error_code error;
    if (fs::exists(folder / name, error)) {
      RETURN_IF_ERROR(CheckBeginning(folder / name));
      return ModelWeights{.path = folder / name, .files = {folder / name}};
    }
    const fs::path index = folder / absl::StrCat(name, ".index.json");
    if (fs::exists(index, error)) return Shards(index);
  }
  const std::optional<Found> found = FindOtherForm(folder);
  if (found) {
    return absl::FailedPreconditionError(absl::StrCat(folder.native(), ": no ", kFiles[0], ", ",
                                                      OnlyAnotherForm(*found, architecture)));
  }
  return absl::NotFoundError(
      absl::StrCat(folder.native(), ": no ", kFiles[0], ", nor weights in another form"));
}

absl::Status NoConfigError(const fs::path& folder) {
  constexpr char kOldFolder[] = "0_Transformer";  // Of sentence-transformers.
  std::error_code error;
  if (fs::exists(folder / kOldFolder / "config.json", error)) {
    return absl::NotFoundError(absl::StrCat(
        "no config.json in ", folder.native(), ": the model lies in its ", kOldFolder,
        ", as early versions of sentence-transformers have it, and there is no modules.json that "
        "says so: fetch the model whole, and try again"));
  }
  if (const std::optional<Found> found = FindOtherForm(folder)) {
    return absl::NotFoundError(
        absl::StrCat("no config.json in ", folder.native(), ", ", OnlyAnotherForm(*found, "")));
  }
  return absl::NotFoundError(
      absl::StrCat("no config.json in ", folder.native(), ": give a Hugging Face model folder"));
}

bool IsWeightsFile(const fs::path& file) {
  const std::string name = file.filename().native();
  return name.ends_with(".bin") || std::ranges::any_of(kForms, [&](const Form& form) {
           return !form.suffix.empty() && name.ends_with(form.suffix);
         });
}

}  // namespace chorus
