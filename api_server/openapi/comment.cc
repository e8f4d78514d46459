#include "api_server/openapi/comment.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr char kNumber[] = R"((\d{1,3}(?:,\d{3})+|-?\d+(?:\.\d+)?))";
constexpr char kClause[] = R"((?:^|[.,;:]\s))";

std::regex ClauseRegex(const std::string& pattern) {
  return std::regex(kClause + pattern, std::regex::icase);
}

double ToNumber(std::string text) {
  std::erase(text, ',');
  return std::strtod(text.c_str(), nullptr);
}

// The names in backquotes.
std::vector<std::string> QuotedNames(const std::string& text) {
  static const std::regex* const quoted = new std::regex("`([^`]+)`");
  std::vector<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), *quoted), end; it != end; ++it) {
    names.push_back((*it)[1]);
  }
  return names;
}

}  // namespace

const google::protobuf::FileDescriptor* LoadCommentedProto(std::string_view descriptor_set,
                                                           google::protobuf::DescriptorPool& pool) {
  google::protobuf::FileDescriptorSet set;
  if (!set.ParseFromString(std::string(descriptor_set))) return nullptr;
  const google::protobuf::FileDescriptor* file = nullptr;
  for (const google::protobuf::FileDescriptorProto& part : set.file()) {  // Imports come first.
    file = pool.BuildFile(part);
  }
  return file;
}

std::string ReflowComment(std::string_view comment) {
  std::string text;
  bool new_paragraph = false;
  for (absl::string_view line : absl::StrSplit(AbslView(comment), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) {
      new_paragraph = !text.empty();
      continue;
    }
    const bool item = absl::StartsWith(line, "* ");
    if (new_paragraph) {
      text += "\n\n";
    } else if (!text.empty()) {
      text += item ? "\n" : " ";
    }
    new_paragraph = false;
    absl::StrAppend(&text, line);
  }
  return text;
}

std::string FirstSentence(std::string_view comment) {
  const size_t end =
      std::min({comment.find(". "), comment.find(".\n"), comment.find('\n'), comment.size()});
  absl::string_view sentence = AbslView(comment.substr(0, end));
  absl::ConsumeSuffix(&sentence, ".");
  return std::string(sentence);
}

CommentRange RangeOf(std::string_view view) {
  static const std::regex* const interval = new std::regex(
      ClauseRegex(absl::StrCat(R"(in ([(\[]))", kNumber, ", ", kNumber, R"(([)\]]))")));
  static const std::regex* const from_to =
      new std::regex(ClauseRegex(absl::StrCat(kNumber, " to (?:", kNumber, R"(\b|the\b))")));
  static const std::regex* const one_sided =
      new std::regex(ClauseRegex(absl::StrCat("(at least|at most|greater than) ", kNumber)));
  static const std::regex* const bytes =
      new std::regex(absl::StrCat("of ", kNumber, " to ", kNumber, " bytes"));
  const std::string comment(view);
  CommentRange range;
  std::smatch match;
  if (std::regex_search(comment, match, *interval)) {
    (match[1] == "(" ? range.exclusive_minimum : range.minimum) = ToNumber(match[2]);
    (match[4] == ")" ? range.exclusive_maximum : range.maximum) = ToNumber(match[3]);
  } else if (std::regex_search(comment, match, *from_to)) {
    range.minimum = ToNumber(match[1]);
    if (match[2].matched) range.maximum = ToNumber(match[2]);
  } else if (std::regex_search(comment, match, *one_sided)) {
    const char first = absl::ascii_tolower(match[1].str()[3]);  // at _l_east, at _m_ost, gre_a_ter
    (first == 'l'   ? range.minimum
     : first == 'm' ? range.maximum
                    : range.exclusive_minimum) = ToNumber(match[2]);
  }
  if (std::regex_search(comment, match, *bytes)) {
    range.min_bytes = static_cast<int64_t>(ToNumber(match[1]));
    range.max_bytes = static_cast<int64_t>(ToNumber(match[2]));
  }
  return range;
}

CommentErrors ErrorsOf(std::string_view view) {
  static const std::regex* const heading = new std::regex(R"((^|\s)Errors[^:.`]*:\s)");
  const std::string comment(view);
  std::smatch match;
  if (!std::regex_search(comment, match, *heading)) return {.description = comment};
  CommentErrors result;
  result.description = std::string(absl::StripAsciiWhitespace(match.prefix().str()));
  const std::string list = match.suffix();
  result.inherits = TakeAs(list).first;
  for (absl::string_view item : absl::StrSplit(list, '\n')) {
    if (!absl::ConsumePrefix(&item, "* ")) continue;
    const size_t colon = item.find(": ");
    if (colon == absl::string_view::npos) continue;
    for (std::string& code : QuotedNames(std::string(item.substr(0, colon)))) {
      result.errors.emplace_back(std::move(code), std::string(item.substr(colon + 2)));
    }
  }
  return result;
}

std::pair<std::string, std::string> TakeAs(std::string_view view) {
  absl::string_view text = AbslView(view);
  if (!absl::ConsumePrefix(&text, "as `")) return {};
  const size_t end = text.find('`');
  if (end == absl::string_view::npos) return {};
  return {std::string(text.substr(0, end)), std::string(text.substr(end + 1))};
}

bool IsNotInStreams(std::string_view comment) {
  return comment.find("Not in streams") != std::string_view::npos;
}

}  // namespace chorus::gateway
