#include "base/command_words.h"

#include <algorithm>
#include <utility>

#include "base/near_name.h"

namespace chorus {
namespace {

std::vector<const CLI::App*> Verbs(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string WithUnderscores(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The option with that long name, and how it is declared; null when there is none.
std::pair<const CLI::Option*, std::string> FindLong(const CLI::App& app, const std::string& name) {
  std::pair<const CLI::Option*, std::string> found;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& declared : option->get_lnames()) {
      if (declared == name) return {option, declared};
      if (WithUnderscores(declared) == WithUnderscores(name)) found = {option, declared};
    }
  }
  return found;
}

const CLI::Option* FindShort(const CLI::App& app, char letter) {
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string>& names = option->get_snames();
    if (std::count(names.begin(), names.end(), std::string(1, letter)) > 0) return option;
  }
  return nullptr;
}

// How many words after it are the option's, whatever they look like.
int NumValues(const CLI::Option& option) {
  return std::min(option.get_type_size_min(), option.get_items_expected_min());
}

bool HasPositionals(const CLI::App& app) {
  return !app.get_options([](const CLI::Option* option) { return option->get_positional(); })
              .empty();
}

std::string DidYouMean(const std::string& name) {
  return name.empty() ? "" : "; did you mean " + name + "?";
}

std::string UnknownFlag(const CLI::App& app, const std::string& name) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& flag : option->get_lnames()) flags.push_back(flag);
  }
  const std::string near = NearName(name, flags);
  return "there is no flag --" + name + DidYouMean(near.empty() ? "" : "--" + near);
}

// A verb of a group may have been given without it: "pull" is "models pull".
std::string UnknownVerb(const CLI::App& app, const std::vector<std::string>& verbs,
                        const std::string& name) {
  std::vector<std::string> names;
  std::string near;
  for (const CLI::App* verb : Verbs(app)) {
    names.push_back(verb->get_name());
    for (const CLI::App* inner : Verbs(*verb)) {
      if (inner->get_name() == name) near = verb->get_name() + " " + name;
    }
  }
  if (near.empty()) near = NearName(name, names);
  std::string path;
  for (const std::string& verb : verbs) path += verb + " ";
  return "there is no verb \"" + path + name + "\"" + DidYouMean(near.empty() ? "" : path + near);
}

// Reads word after word.
class Reader {
 public:
  Reader(const CLI::App& app, int argc, const char* const* argv)
      : left_(argv + std::min(argc, 1), argv + argc) {
    command_.app = &app;
  }

  CommandWords Read() && {
    for (; next_ < left_.size(); ++next_) {
      const std::string& word = left_[next_];
      if (word == "--") {
        command_.words.insert(command_.words.end(), left_.begin() + next_, left_.end());
        break;
      }
      if (word.starts_with("--")) {
        ReadLong(word.substr(2));
      } else if (word.starts_with("-") && word.size() > 1) {
        ReadShort(word);
      } else {
        ReadWord(word);
      }
    }
    return std::move(command_);
  }

 private:
  void ReadLong(const std::string& text) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const auto [option, declared] = FindLong(*command_.app, name);
    if (option == nullptr) {
      Mistake(UnknownFlag(*command_.app, name));
      return command_.words.push_back("--" + text);
    }
    if (equals == std::string::npos) {
      command_.words.push_back("--" + declared);
      TakeValues(NumValues(*option));
    } else if (equals + 1 == text.size()) {
      command_.words.insert(command_.words.end(), {"--" + declared, ""});
    } else {
      command_.words.push_back("--" + declared + text.substr(equals));
    }
  }

  void ReadShort(const std::string& word) {
    command_.words.push_back(word);
    const CLI::Option* option = FindShort(*command_.app, word[1]);
    if (option == nullptr) return Mistake("there is no flag " + word);
    if (word.size() == 2) TakeValues(NumValues(*option));
  }

  void ReadWord(const std::string& word) {
    command_.words.push_back(word);
    if (!command_.mistake.empty()) return;
    const std::vector<const CLI::App*> verbs = Verbs(*command_.app);
    const auto verb = std::find_if(verbs.begin(), verbs.end(),
                                   [&](const CLI::App* each) { return each->get_name() == word; });
    if (verb != verbs.end()) {
      command_.app = *verb;
      command_.verbs.push_back(word);
    } else if (!verbs.empty() && !HasPositionals(*command_.app)) {
      Mistake(UnknownVerb(*command_.app, command_.verbs, word));
    }
  }

  void TakeValues(int num_values) {
    for (; num_values > 0 && next_ + 1 < left_.size(); --num_values) {
      command_.words.push_back(left_[++next_]);
    }
  }

  void Mistake(std::string mistake) {
    if (command_.mistake.empty()) command_.mistake = std::move(mistake);
  }

  const std::vector<std::string> left_;
  size_t next_ = 0;
  CommandWords command_;
};

}  // namespace

CommandWords ReadCommandWords(const CLI::App& app, int argc, const char* const* argv) {
  return Reader(app, argc, argv).Read();
}

void ParseWords(CLI::App& app, const CommandWords& command) {
  app.parse(std::vector<std::string>(command.words.rbegin(), command.words.rend()));
}

}  // namespace chorus
