
#include <algorithm>
#include <array>
#include <string>

#include "cli/bundles/bundles.h"
#include "cli/command_line.h"

namespace chorus {
namespace {

constexpr char kGroup[] = "Bundles";
constexpr char kTagHelp[] = "NAME or NAME:latest, or NAME:VERSION";

void AddTag(CLI::App& verb, std::string& tag) {
  verb.add_option("tag", tag, kTagHelp)->required()->type_name("TAG");
}

void AddBuild(CLI::App& app, int& exit_status) {
  static BuildOptions options;
  options.chorus_version = CHORUS_VERSION;
  CLI::App* verb = app.add_subcommand("build", "Make a bundle: a graph with its models, pinned");
  verb->group(kGroup);
  verb->add_option("directory", options.directory, "Folder of the chorusfile")
      ->capture_default_str()
      ->type_name("DIR");
  verb->add_option("-f,--file", options.file, "Another chorusfile, relative to DIR")
      ->capture_default_str()
      ->type_name("FILE");
  verb->add_option("--version", options.version,
                   "Version; without it one made from the content, the same for the same content");
  verb->footer(
      "\nExamples:\n  chorus build\n  chorus build examples/bundles/inference_graph --version v1");
  verb->callback([&exit_status] { exit_status = Report(Build(options)); });
}

void AddList(CLI::App& app, int& exit_status) {
  static std::string output = "table";
  CLI::App* verb = app.add_subcommand("list", "List the bundles");
  verb->group(kGroup);
  verb->add_option("-o,--output", output, "table or json")
      ->capture_default_str()
      ->check(Quiet(CLI::IsMember({"table", "json"})));
  verb->footer("\nThe store is $CHORUS_HOME/bundles, or ~/.chorus/bundles.");
  verb->callback([&exit_status] { exit_status = Report(ListBundles(output)); });
}

void AddGet(CLI::App& app, int& exit_status) {
  static std::string tag, output = "yaml";
  CLI::App* verb = app.add_subcommand("get", "Show a bundle");
  verb->group(kGroup);
  AddTag(*verb, tag);
  verb->add_option("-o,--output", output, "yaml, json or path")
      ->capture_default_str()
      ->check(Quiet(CLI::IsMember({"yaml", "json", "path"})));
  verb->footer(
      "\nExamples:\n  chorus get inference_graph:latest\n"
      "  cat \"$(chorus get inference_graph -o path)/README.md\"");
  verb->callback([&exit_status] { exit_status = Report(GetBundle(tag, output)); });
}

void AddDelete(CLI::App& app, int& exit_status) {
  static std::string tag;
  static bool yes = false;
  CLI::App* verb = app.add_subcommand("delete", "Delete a bundle; its models stay");
  verb->group(kGroup);
  AddTag(*verb, tag);
  verb->add_flag("-y,--yes", yes, "Do not ask");
  verb->callback([&exit_status] { exit_status = Report(DeleteBundle(tag, yes)); });
}

void AddExport(CLI::App& app, int& exit_status) {
  static std::string tag, to;
  CLI::App* verb = app.add_subcommand("export", "Write a bundle and its models to a file");
  verb->group(kGroup);
  AddTag(*verb, tag);
  verb->add_option("file", to, "File to write, or a folder to write NAME-VERSION.tar.gz to")
      ->required()
      ->type_name("FILE");
  verb->footer("\nExamples:\n  chorus export inference_graph:latest inference_graph.tar.gz");
  verb->callback([&exit_status] { exit_status = Report(ExportBundleTo(tag, to)); });
}

void AddImport(CLI::App& app, int& exit_status) {
  static std::string from;
  CLI::App* verb = app.add_subcommand("import", "Take in what export wrote");
  verb->group(kGroup);
  verb->add_option("file", from, "File that chorus export wrote")->required()->type_name("FILE");
  verb->callback([&exit_status] { exit_status = Report(ImportBundleFrom(from)); });
}

// "TARGET=IMAGE", or "IMAGE" for all in one.
std::string AddRuntime(const std::string& text, ContainerSettings& settings) {
  const size_t equals = text.find('=');
  const std::string target = equals == std::string::npos ? "all-in-one" : text.substr(0, equals);
  constexpr std::array<const char*, 5> kTargets = {"all-in-one", "api_server", "runner_server",
                                                   "runner_server_torch", "runner_server_cuda"};
  if (std::ranges::count(kTargets, target) == 0) {
    return "must be IMAGE, api_server=IMAGE, runner_server=IMAGE, runner_server_torch=IMAGE or "
           "runner_server_cuda=IMAGE: " +
           text;
  }
  settings.runtimes[target] = text.substr(equals + 1);  // npos + 1 is 0.
  return "";
}

void AddContainerize(CLI::App& app, int& exit_status) {
  static ContainerizeOptions options;
  ContainerSettings& settings = options.settings;
  settings.chorus_version = CHORUS_VERSION;
  CLI::App* verb = app.add_subcommand("containerize", "Make a container image of a bundle");
  verb->group(kGroup);
  AddTag(*verb, options.bundle);
  verb->add_option("-t,--tag", settings.tags,
                   "Name of the image; without it NAME:VERSION of the bundle. May be repeated")
      ->type_name("REPOSITORY:TAG")
      ->allow_extra_args(false);
  verb->add_flag("--split", settings.split,
                 "One image for the gateway and one for each model: -api_server, -runner-RUNNER");
  verb->add_flag("--push", options.push, "Push what was built");
  verb->add_option("--platform", settings.platform, "Such as linux/amd64");
  verb->add_option("--source", options.source,
                   "Checkout of Chorus to build the runtime image from if it is not there")
      ->check(Quiet(CLI::ExistingDirectory))
      ->type_name("DIR");
  verb->add_option("--runtime",
                   "Image with the programs; without it chorus/all-in-one:" CHORUS_VERSION
                   ". With --split: api_server=IMAGE, runner_server=IMAGE, and where models need "
                   "libtorch runner_server_torch=IMAGE, runner_server_cuda=IMAGE")
      ->type_name("[TARGET=]IMAGE")
      ->allow_extra_args(false)
      ->expected(0, 4)
      ->check([&settings](const std::string& text) { return AddRuntime(text, settings); }, "");
  verb->add_flag("--dry-run,--dry_run", options.dry_run, "Print the commands and Dockerfiles only");
  verb->footer(
      "\nExamples:\n  chorus containerize inference_graph:latest --source .\n"
      "  chorus containerize inference_graph --split -t registry.local/graph --push");
  verb->callback([&exit_status] { exit_status = Report(Containerize(options)); });
}

}  // namespace

void AddBundleVerbs(CLI::App& app, int& exit_status) {
  AddBuild(app, exit_status);
  AddList(app, exit_status);
  AddGet(app, exit_status);
  AddDelete(app, exit_status);
  AddExport(app, exit_status);
  AddImport(app, exit_status);
  AddContainerize(app, exit_status);
}

}  // namespace chorus
