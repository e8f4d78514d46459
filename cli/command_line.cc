#include "cli/command_line.h"

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/near_name.h"
#include "base/printable.h"
#include "base/string_view.h"

namespace chorus {
namespace {

constexpr int kFailed = 1;

}  // namespace

int Report(const absl::StatusOr<int>& result) {
  if (result.ok()) return *result;
  std::cerr << "chorus: " << Printable(StdView(result.status().message())) << std::endl;
  return kFailed;
}

int Report(const absl::Status& status) {
  return Report(status.ok() ? absl::StatusOr<int>(0) : absl::StatusOr<int>(status));
}

std::string MistakeOfTime(const std::string& text) {
  absl::Duration time;
  const bool is_time = absl::ParseDuration(text, &time) && time >= absl::ZeroDuration() &&
                       time < absl::InfiniteDuration();
  return is_time ? "" : "must be a time such as 30s or 1m30s: " + text;
}

void AddNativeCode(CLI::App& verb, std::string& native_code) {
  verb.add_option("--native_code", native_code,
                  "SHA-256 of the native code that a folder's model may bring (model.pt2), which "
                  "runs with your rights; without it none does. The store knows that of its own")
      ->type_name("HEX")
      ->check([](const std::string& text) {
        return IsSha256(text) ? "" : "must be 64 lower-case hexadecimal digits: " + text;
      });
}

CLI::Validator OneOf(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& text) -> std::string {
    if (std::ranges::find(words, text) != words.end()) return "";
    const std::string near = NearName(text, words);
    return absl::StrCat("must be ", absl::StrJoin(words.begin(), words.end() - 1, ", "), " or ",
                        words.back(), ": ", text,
                        near.empty() ? "" : "; did you mean " + near + "?");
  };
  return CLI::Validator(check, "");
}

}  // namespace chorus
