
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "cli/command_line.h"
#include "cli/models/models.h"
#include "model_store/digest.h"
#include "model_store/manifest.h"

namespace chorus {
namespace {

// "FILE=HEX".
std::string AddPin(const std::string& text, std::map<std::string, std::string>& pins) {
  const size_t equals = text.find('=');
  const std::string file = text.substr(0, equals);
  const std::string sha256 =
      equals == std::string::npos ? "" : absl::AsciiStrToLower(text.substr(equals + 1));
  if (!store::IsPlainFileName(file) || !store::IsSha256(sha256)) {
    return "must be FILE=HEX, 64 hexadecimal digits: " + text;
  }
  const bool same = pins.emplace(file, sha256).first->second == sha256;
  return same ? "" : "two different hashes are given for " + file;
}

void AddList(CLI::App& models, int& exit_status) {
  static std::string list_output = "table";
  CLI::App* list = models.add_subcommand("list", "List all models");
  list->add_option("-o,--output", list_output, "table or json")
      ->capture_default_str()
      ->check(Quiet(CLI::IsMember({"table", "json"})));
  list->footer("\nExamples:\n  chorus models list\n  chorus models list -o json");
  list->callback([&exit_status] { exit_status = Report(ListModels(list_output)); });
}

void AddGet(CLI::App& models, int& exit_status) {
  static GetModelOptions get_options;
  CLI::App* get = models.add_subcommand("get", "Show one model: its files, sizes and hashes");
  get->add_option("tag", get_options.tag, "NAME, NAME:latest or NAME:VERSION")
      ->required()
      ->type_name("TAG");
  get->add_option("-o,--output", get_options.output, "text, json or path")
      ->capture_default_str()
      ->check(Quiet(CLI::IsMember({"text", "json", "path"})));
  get->add_flag("--verify", get_options.verify, "Hash the files again and compare");
  get->footer(
      "\nExamples:\n  chorus models get gpt2-generation\n"
      "  ls \"$(chorus models get gpt2-generation:demo -o path)\"");
  get->callback([&exit_status] { exit_status = Report(GetModel(get_options)); });
}

void AddPull(CLI::App& models, int& exit_status) {
  static PullModelOptions options;
  options.chorus_version = CHORUS_VERSION;
  CLI::App* pull = models.add_subcommand("pull", "Fetch a model from a Hugging Face hub");
  pull->add_option("tag", options.tag,
                   "NAME:VERSION to save it as; with NAME alone the version is made from the "
                   "commit")
      ->required()
      ->type_name("TAG");
  pull->add_option("--from", options.from,
                   "Which model, and which branch, tag or commit of it [main]; without it the "
                   "published model of that NAME, for those of the tutorial's graph")
      ->type_name("ORG/NAME[@REVISION]");
  pull->add_option("--endpoint", options.endpoint,
                   "The hub; without it HF_ENDPOINT, or https://huggingface.co")
      ->type_name("URL");
  pull->add_option("--sha256",
                   "What the SHA-256 of a file must be, besides what the hub says. May be repeated")
      ->type_name("FILE=HEX")
      ->allow_extra_args(false)
      ->expected(0, 64)
      ->check([](const std::string& text) { return AddPin(text, options.sha256_pins); }, "");
  pull->footer(
      "\nExamples:\n  chorus models pull gpt2-generation\n"
      "  chorus models pull mine:v1 --from my-org/my-gpt2@9b6c2e1f --sha256 "
      "model.safetensors=HEX\n"
      "\nA token is taken from HF_TOKEN, from the file HF_TOKEN_PATH, or from where the Hugging "
      "Face\nclient keeps it. A model that is there already is not fetched again; what was "
      "interrupted goes\non where it stopped.");
  pull->callback([&exit_status] { exit_status = Report(PullModel(options)); });
}

void AddRemove(CLI::App& models, int& exit_status) {
  static DeleteModelOptions delete_options;
  CLI::App* remove = models.add_subcommand("delete", "Delete one model");
  remove->add_option("tag", delete_options.tag, "NAME, NAME:latest or NAME:VERSION")
      ->required()
      ->type_name("TAG");
  remove->add_flag("-y,--yes", delete_options.yes, "Do not ask");
  remove->add_flag("--force", delete_options.force, "Even if a bundle needs it");
  remove->footer("\nA demo model that was deleted stays so, until chorus models restore.");
  remove->callback([&exit_status] { exit_status = Report(DeleteModel(delete_options)); });
}

void AddRestore(CLI::App& models, int& exit_status) {
  CLI::App* restore =
      models.add_subcommand("restore", "Bring back the demo models that were deleted");
  restore->callback([&exit_status] { exit_status = Report(RestoreModels()); });
}

}  // namespace

void AddModelVerbs(CLI::App& app, int& exit_status) {
  CLI::App* models =
      app.add_subcommand("models", "List, show, pull, delete and restore the models in the store");
  models->group("Models");
  models->require_subcommand(1);
  models->footer("\nThe store is $CHORUS_HOME/models, or ~/.chorus/models.");
  AddList(*models, exit_status);
  AddGet(*models, exit_status);
  AddPull(*models, exit_status);
  AddRemove(*models, exit_status);
  AddRestore(*models, exit_status);
}

}  // namespace chorus
