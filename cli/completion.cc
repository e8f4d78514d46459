#include "cli/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace chorus {
namespace {

// @VERBS@: the patterns "PARENT VERB" of all verbs. @WORDS@: for each verb what may follow it.
constexpr char kScript[] = R"(_@NAME@() {
  local current=${COMP_WORDS[COMP_CWORD]} verb= words= i=1
  if [[ ${COMP_WORDS[1]} == help && $COMP_CWORD -gt 1 ]]; then i=2; fi
  for (( ; i < COMP_CWORD; i++ )); do
    case "$verb ${COMP_WORDS[i]}" in
      @VERBS@) verb="${verb:+$verb }${COMP_WORDS[i]}" ;;
    esac
  done
  case "$verb:$current" in
@WORDS@  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _@NAME@ @NAME@
)";

std::string Flags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return absl::StrJoin(flags, " ");
}

// Of `app`, whose verbs so far are `path`, and all below it.
void AddVerb(const CLI::App& app, const std::string& path, std::vector<std::string>& patterns,
             std::string& words) {
  std::vector<std::string> names;
  std::string below;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string& name = verb->get_name();
    names.push_back(name);
    patterns.push_back(absl::StrCat("'", path, " ", name, "'"));
    AddVerb(*verb, absl::StrCat(path, path.empty() ? "" : " ", name), patterns, below);
  }
  absl::StrAppend(&words, "    '", path, "':-*) words='", Flags(app), "' ;;\n");
  if (!names.empty()) {
    absl::StrAppend(&words, "    '", path, "':*) words='", absl::StrJoin(names, " "), "' ;;\n");
  }
  words += below;
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::vector<std::string> patterns;
  std::string words;
  AddVerb(app, "", patterns, words);
  return absl::StrReplaceAll(kScript, {{"@NAME@", app.get_name()},
                                       {"@VERBS@", absl::StrJoin(patterns, " | ")},
                                       {"@WORDS@", words}});
}

std::string ZshCompletion(const CLI::App& app) {
  return absl::StrCat("#compdef ", app.get_name(),
                      "\nautoload -U +X bashcompinit && bashcompinit\n", BashCompletion(app));
}

}  // namespace chorus
