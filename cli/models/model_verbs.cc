
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/digest.h"
#include "cli/command_line.h"
#include "cli/models/models.h"
#include "model_store/manifest.h"

namespace chorus {
namespace {

// "FILE=HEX".
std::string AddPin(const std::string& text, std::map<std::string, std::string>& pins) {
  const size_t equals = text.find('=');
  const std::string file = text.substr(0, equals);
  const std::string sha256 =
      equals == std::string::npos ? "" : absl::AsciiStrToLower(text.substr(equals + 1));
  if (!store::IsModelFileName(file) || !IsSha256(sha256)) {
    return "must be FILE=HEX, 64 hexadecimal digits: " + text;
  }
  const bool same = pins.emplace(file, sha256).first->second == sha256;
  return same ? "" : "two different hashes are given for " + file;
}

void AddTag(CLI::App& verb, std::string& tag) {
  verb.add_option("tag", tag, "NAME, NAME:latest or NAME:VERSION")->required()->type_name("TAG");
}

void AddList(CLI::App& models, int& exit_status) {
  static ListModelsOptions options;
  CLI::App* list = models.add_subcommand("list", "List the models");
  list->add_option("name", options.filter.name,
                   "Only those of this name, or tag; * stands for any characters, ? for one")
      ->type_name("PATTERN");
  list->add_option("--label", options.filter.labels, "Only those with this label; may be repeated")
      ->type_name("KEY[=VALUE]")
      ->allow_extra_args(false);
  list->add_option("--task", options.filter.task, "Only those that generate, classify, or embed")
      ->check(OneOf({"generate", "classify", "embed"}));
  list->add_option("--architecture", options.filter.architecture,
                   "Only those of this architecture, such as GPT2LMHeadModel")
      ->type_name("PATTERN");
  list->add_option("-o,--output", options.output, "table, json, yaml, or path: a folder a line")
      ->capture_default_str()
      ->check(OneOf({"table", "json", "yaml", "path"}));
  list->footer(
      "\nExamples:\n  chorus models list\n  chorus models list 'gpt2*' --label stage=live\n"
      "  chorus models list --task classify -o json");
  list->callback([&exit_status] { exit_status = Report(ListModels(options)); });
}

void AddGet(CLI::App& models, int& exit_status) {
  static GetModelOptions options;
  CLI::App* get =
      models.add_subcommand("get", "Show one model: what is known of it, and its files");
  AddTag(*get, options.tag);
  get->add_option("-o,--output", options.output, "table, json, yaml, or path: of its folder")
      ->capture_default_str()
      ->check(OneOf({"table", "text", "json", "yaml", "path"}));
  get->add_flag("--verify", options.verify, "Hash the files again and compare");
  get->footer(
      "\nExamples:\n  chorus models get gpt2-generation\n"
      "  ls \"$(chorus models get gpt2-generation:demo -o path)\"");
  get->callback([&exit_status] { exit_status = Report(GetModel(options)); });
}

void AddVerify(CLI::App& models, int& exit_status) {
  static std::vector<std::string> tags;
  CLI::App* verify = models.add_subcommand("verify", "Hash the files of models again and compare");
  CLI::Option* some =
      verify->add_option("tag", tags, "Which models; without one, all")->type_name("TAG");
  verify
      ->add_flag_function(
          "--all", [](int64_t) { tags.clear(); }, "All models, and what is said to be the latest")
      ->excludes(some);
  verify->footer("\nThe exit status is 1 if something is damaged.");
  verify->callback([&exit_status] { exit_status = Report(VerifyModels(tags)); });
}

void AddLabel(CLI::App& models, int& exit_status) {
  static std::string tag;
  static std::vector<std::string> changes;
  CLI::App* label = models.add_subcommand("label", "Change the labels of a model");
  AddTag(*label, tag);
  label->add_option("change", changes, "KEY=VALUE sets a label, KEY- removes it")
      ->required()
      ->type_name("KEY=VALUE|KEY-");
  label->footer("\nExamples:\n  chorus models label gpt2-generation:v1 stage=live team-");
  label->callback([&exit_status] { exit_status = Report(LabelModel(tag, changes)); });
}

void AddCopy(CLI::App& models, int& exit_status) {
  static std::string from, to;
  CLI::App* copy = models.add_subcommand("copy", "Save a model under another tag too");
  AddTag(*copy, from);
  copy->add_option("to", to, "NAME:VERSION, or NAME for the same version")
      ->required()
      ->type_name("TAG");
  copy->callback([&exit_status] { exit_status = Report(CopyModel(from, to)); });
}

void AddExport(CLI::App& models, int& exit_status) {
  static std::string tag, to;
  CLI::App* verb = models.add_subcommand("export", "Write a model to a file, for import");
  AddTag(*verb, tag);
  verb->add_option("file", to, "File to write, or a folder to write NAME-VERSION.tar.gz to")
      ->required()
      ->type_name("FILE");
  verb->footer("\nExamples:\n  chorus models export gpt2-generation:v1 gpt2.tar.gz");
  verb->callback([&exit_status] { exit_status = Report(ExportModelTo(tag, to)); });
}

void AddImport(CLI::App& models, int& exit_status) {
  static ImportModelOptions options;
  CLI::App* verb = models.add_subcommand(
      "import", "Save a model folder, or what export wrote, once it has answered");
  verb->add_option("from", options.from, "Hugging Face folder, or file of chorus models export")
      ->required()
      ->type_name("FOLDER|FILE");
  verb->add_option("tag", options.tag,
                   "NAME:VERSION to save it as; with NAME alone the version is the file's, or made "
                   "from the content; a file needs none")
      ->type_name("TAG");
  verb->add_option("--label", options.labels, "Label to give it; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--source", options.source, "Where it comes from, for models get")
      ->type_name("TEXT[@REVISION]");
  verb->add_option("--metadata", options.metadata, "Whatever else is to be known of it, as JSON")
      ->type_name("OBJECT");
  verb->add_option("--licence", options.licence,
                   "Its licence; without it what README.md says at its beginning")
      ->type_name("NAME");
  AddNativeCode(*verb, options.native_code);
  verb->footer(
      "\nExamples:\n  chorus models import ./my-gpt2 mine:v1 --label team=nlp\n"
      "  chorus models import gpt2.tar.gz\n"
      "\nA runner loads the copy and answers once before it is saved: what cannot be served is "
      "refused.");
  verb->callback([&exit_status] { exit_status = Report(ImportModel(options)); });
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
  AddTag(*remove, delete_options.tag);
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
      app.add_subcommand("models", "The models in the store: list, show, pull, import, export …");
  models->group("Models");
  models->require_subcommand(1);
  models->footer("\nThe store is $CHORUS_HOME/models, or ~/.chorus/models.");
  AddList(*models, exit_status);
  AddGet(*models, exit_status);
  AddPull(*models, exit_status);
  AddImport(*models, exit_status);
  AddExport(*models, exit_status);
  AddCopy(*models, exit_status);
  AddLabel(*models, exit_status);
  AddVerify(*models, exit_status);
  AddRemove(*models, exit_status);
  AddRestore(*models, exit_status);
}

}  // namespace chorus
