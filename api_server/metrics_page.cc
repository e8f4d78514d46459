#include "api_server/metrics_page.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

std::string WithLabel(absl::string_view sample, const std::string& label) {
  const size_t end = sample.find_first_of("{ ");
  if (label.empty() || end == absl::string_view::npos) return std::string(sample);
  const absl::string_view name = sample.substr(0, end);
  if (sample[end] == ' ') return absl::StrCat(name, "{", label, "}", sample.substr(end));
  return absl::StrCat(name, "{", label, ",", sample.substr(end + 1));
}

// Puts pages together, a family of samples at a time.
class Families {
 public:
  // `label` goes into each sample of `page`; empty: none.
  void Add(std::string_view page, const std::string& label) {
    ++num_pages_;
    std::string name;
    for (const absl::string_view line : absl::StrSplit(AbslView(page), '\n', absl::SkipEmpty())) {
      if (line[0] != '#') {
        absl::StrAppend(&families_[index_[name]].text, WithLabel(line, label), "\n");
        continue;
      }
      // "# HELP name ..." and "# TYPE name ...": those of the first page that has the family.
      const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
      if (words.size() < 3) continue;
      name = words[2];
      if (index_.emplace(name, families_.size()).second) families_.push_back({num_pages_, ""});
      Family& family = families_[index_[name]];
      if (family.page == num_pages_) absl::StrAppend(&family.text, line, "\n");
    }
  }

  std::string ToText() const {
    std::string text;
    for (const Family& family : families_) text += family.text;
    return text;
  }

 private:
  struct Family {
    int page;  // That brought it.
    std::string text;
  };

  int num_pages_ = 0;
  std::map<std::string, size_t> index_ = {{"", 0}};  // Of each name in families_.
  std::vector<Family> families_ = {{0, ""}};         // First what has no name, then as they came.
};

}  // namespace

std::string MergeMetricsPages(std::string_view own, const std::vector<RunnerPages::Page>& pages) {
  Families families;
  families.Add(own, "");
  for (const RunnerPages::Page& page : pages) {
    families.Add(page.text, absl::StrCat("replica=\"", page.replica, "\""));
  }
  return families.ToText();
}

}  // namespace chorus::gateway
