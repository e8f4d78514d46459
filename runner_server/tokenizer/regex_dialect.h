#pragma once

// Rewrites a regular expression so that the Oniguruma at hand reads it as the one in Hugging Face's
// tokenizers does, which follows a later Unicode: "[\p{L}\d]" becomes "[[\p{L}...][\d...]]", with
// the ranges that the older one lacks. It has no effect with an Oniguruma that knows them.
//
// Rewritten are properties, [:names:] and \w, \d, \s, \h, \b with their opposites. Left as they
// are: clusters (\X, \y) and the cases of letters that came later (docs/decisions/0039).
//
// Thread safety: free function without state.

#include <span>
#include <string>
#include <string_view>

namespace chorus::runner {

// `pattern` is UTF-8; what is wrong in it stays wrong.
std::string AsTokenizersRead(std::string_view pattern);

// A class of characters that the two know otherwise.
struct ClassDifference {
  // "l" for \p{L}, the name in small letters without spaces, '_' and '-'; "[:alpha:]"; "\w". In
  // brackets, "[\w]", where it is otherwise between such than alone.
  std::string_view name;
  std::string_view added;    // Characters that the older lacks, such as "\x{870}-\x{887}",
  std::string_view removed;  // and that it has wrongly.
  bool is_new;               // The older does not know the name.
};

// By name. Made by tools/golden/make_class_differences.py.
extern const std::span<const ClassDifference> kClassDifferences;

}  // namespace chorus::runner
