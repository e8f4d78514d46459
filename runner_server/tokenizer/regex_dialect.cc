#include "runner_server/tokenizer/regex_dialect.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

// A class as it stands in an expression.
struct Class {
  std::string name;  // As in ClassDifference.
  std::string text;  // Without its being negative.
  bool is_negative = false;
};

// Options that hold from a place in an expression to the end of its group.
struct Options {
  bool ignores_case = false;
  bool is_ascii = false;  // Some classes are of ASCII alone.
};

// Takes "[:punct:]", "[:^alpha:]" or the like, which stands inside a character class.
std::string_view TakePosixBracket(std::string_view text) {
  if (!text.starts_with("[:")) return {};
  const size_t end = text.find(":]");
  const size_t name = text.substr(2).starts_with('^') ? 3 : 2;
  const bool is_name = end != std::string_view::npos && end > name &&
                       std::ranges::all_of(text.substr(name, end - name), absl::ascii_islower);
  return is_name ? text.substr(0, end + 2) : std::string_view();
}

// Takes an escape, "\\p{Word}" or a backslash with the byte behind it.
std::string_view TakeEscape(std::string_view text) {
  const bool is_property = text.starts_with("\\p{") || text.starts_with("\\P{");
  const size_t end = is_property ? text.find('}') : std::string_view::npos;
  return text.substr(0, end == std::string_view::npos ? 2 : end + 1);
}

bool IsProperty(std::string_view escape) { return escape.size() > 2; }

// Takes what begins a character class; a bracket that closes nothing yet is one of its characters.
std::string_view TakeOpening(std::string_view text) {
  for (const std::string_view opening : {"[^]", "[]"}) {
    if (text.starts_with(opening)) return text.substr(0, opening.size());
  }
  return text.substr(0, 1);
}

Class PosixClass(std::string_view bracket) {
  const bool is_negative = bracket[2] == '^';
  const std::string name = absl::StrCat("[:", AbslView(bracket.substr(is_negative ? 3 : 2)));
  return {name, name, is_negative};
}

Class EscapedClass(std::string_view escape) {
  if (!IsProperty(escape)) {  // \w, or \W for what it is not.
    const std::string text = absl::AsciiStrToLower(AbslView(escape));
    return {text, text, text != escape};
  }
  Class found = {"", "", escape[1] == 'P'};
  for (const char c : escape.substr(3, escape.size() - 4)) {  // As Oniguruma reads names.
    if (c == '^' && found.name.empty()) {
      found.is_negative = !found.is_negative;
    } else if (c != ' ' && c != '_' && c != '-') {
      found.name += absl::ascii_tolower(static_cast<unsigned char>(c));
    }
  }
  found.text = absl::StrCat("\\p{", found.name, "}");
  return found;
}

const ClassDifference* FindDifference(std::string_view name) {
  const auto row = std::ranges::lower_bound(kClassDifferences, name, {}, &ClassDifference::name);
  return row == kClassDifferences.end() || row->name != name ? nullptr : &*row;
}

// The class that the tokenizers know by this name, in brackets; nullopt if it is no other here.
std::optional<std::string> Rewritten(const Class& found, bool is_alone) {
  const ClassDifference* row =
      is_alone ? nullptr : FindDifference(absl::StrCat("[", found.name, "]"));
  if (row == nullptr) row = FindDifference(found.name);
  if (row == nullptr) return std::nullopt;
  return absl::StrCat(found.is_negative ? "[^" : "[", row->is_new ? "" : found.text,
                      AbslView(row->added), row->removed.empty() ? "" : "&&[^",
                      AbslView(row->removed), row->removed.empty() ? "" : "]", "]");
}

// \b, or \B: a word's character on one side, or on both or neither.
std::optional<std::string> RewrittenBoundary(char letter) {
  const auto word = Rewritten({"\\w", "\\w"}, /*is_alone=*/true);
  if (!word) return std::nullopt;
  const bool is_boundary = letter == 'b';
  return absl::StrCat("(?:(?<=", *word, ")(?", is_boundary ? "!" : "=", *word, ")|(?<!", *word,
                      ")(?", is_boundary ? "=" : "!", *word, "))");
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view pattern) : pattern_(pattern) {}

  std::string Rewrite() && {
    for (size_t i = 0; i < pattern_.size();) i += Take(pattern_.substr(i));
    return std::move(out_);
  }

 private:
  // Writes what `rest` begins with, and returns its size.
  size_t Take(std::string_view rest) {
    std::string_view taken = rest.substr(0, 1);
    if (taken == "\\") {
      taken = TakeEscape(rest);
      PutEscape(taken);
      return taken.size();
    }
    if (const std::string_view posix = TakePosixBracket(rest); depth_ > 0 && !posix.empty()) {
      PutClass(posix, PosixClass(posix), groups_.back().is_ascii);
      return posix.size();
    }
    if (taken == "[") {
      ++depth_;
      taken = TakeOpening(rest);
    } else if (taken == "]") {
      depth_ = std::max(depth_ - 1, 0);
    } else if (depth_ == 0) {
      if (taken == "(") OpenGroup(rest);
      if (taken == ")" && groups_.size() > 1) groups_.pop_back();
    }
    out_ += taken;
    return taken.size();
  }

  // "(?i:...)" is a group with options, "(?i)" gives them to the rest of the group around it.
  void OpenGroup(std::string_view rest) {
    groups_.push_back(groups_.back());
    if (!rest.starts_with("(?")) return;
    Options options = groups_.back();
    bool is_on = true;
    for (const char c : rest.substr(2)) {
      if (c == ':' || c == ')') {
        groups_.back() = options;
        if (c == ')') groups_[groups_.size() - 2] = options;
        return;
      }
      if (c != '-' && !absl::ascii_isalpha(static_cast<unsigned char>(c))) return;
      if (c == '-') is_on = false;
      if (c == 'i') options.ignores_case = is_on;
      if (std::string_view("WDSP").find(c) != std::string_view::npos) options.is_ascii = is_on;
    }
  }

  void PutEscape(std::string_view escape) {
    if (depth_ == 0 && (escape == "\\b" || escape == "\\B") && !groups_.back().is_ascii) {
      out_ += RewrittenBoundary(escape[1]).value_or(std::string(escape));
      return;
    }
    PutClass(escape, EscapedClass(escape), !IsProperty(escape) && groups_.back().is_ascii);
  }

  // `text` is how the class stands in the expression.
  void PutClass(std::string_view text, const Class& found, bool is_ascii) {
    const bool is_alone = depth_ == 0;
    const auto rewritten = is_ascii ? std::nullopt : Rewritten(found, is_alone);
    if (!rewritten) {
      out_ += text;
      return;
    }
    // Brackets are read with both cases where a class alone is not.
    const bool keeps_case = is_alone && groups_.back().ignores_case;
    absl::StrAppend(&out_, keeps_case ? "(?-i:" : "", *rewritten, keeps_case ? ")" : "");
  }

  const std::string_view pattern_;
  std::string out_;
  int depth_ = 0;  // Of character classes.
  std::vector<Options> groups_ = {{}};
};

}  // namespace

std::string AsTokenizersRead(std::string_view pattern) { return Rewriter(pattern).Rewrite(); }

}  // namespace chorus::runner
