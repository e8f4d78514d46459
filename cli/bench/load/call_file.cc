#include "cli/bench/load/call_file.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/quote.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::bench {
namespace {

constexpr int64_t kMaxBytes = int64_t{256} << 20;
constexpr uint32_t kMostTokens = 1 << 20;
constexpr double kMostSeconds = 1e6;

// What is wrong with the line, without its place; OK if it is an entry.
absl::Status ParseEntry(absl::string_view line, bool is_trace, absl::Duration earliest,
                        CallFileEntry& entry) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("must be a JSON object");
  bool has_time = false;
  for (const auto& [key, value] : json.items()) {
    if (key == "at" && is_trace) {
      const double at = value.is_number() ? value.get<double>() : -1;
      if (!(at >= 0 && at <= kMostSeconds)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "at must be seconds from 0 to 1000000", value.is_number() ? ": " + value.dump() : ""));
      }
      entry.at = absl::Seconds(at);
      has_time = true;
    } else if (key == "text") {
      if (!value.is_string()) return absl::InvalidArgumentError("text must be a string");
      entry.text = value.get<std::string>();
    } else if (key == "prompt_tokens" || key == "output_tokens") {
      if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 ||
          value.get<uint64_t>() > kMostTokens) {
        return absl::InvalidArgumentError(
            absl::StrCat(key, " must be a whole number from 1 to 1048576"));
      }
      (key == "prompt_tokens" ? entry.prompt_tokens : entry.output_tokens) = value.get<uint32_t>();
    } else {
      return absl::InvalidArgumentError(absl::StrCat("unknown key ", QuoteForMessage(key),
                                                     "; there are ", is_trace ? "at, " : "",
                                                     "text, prompt_tokens and output_tokens"));
    }
  }
  if (entry.text && entry.prompt_tokens) {
    return absl::InvalidArgumentError("has both text and prompt_tokens");
  }
  if (is_trace && !has_time) return absl::InvalidArgumentError("has no at");
  if (entry.at < earliest) return absl::InvalidArgumentError("at is before that of a line above");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<CallFileEntry>> ReadCallFile(const std::string& path, bool is_trace) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileOrPipe(path, kMaxBytes));
  return ParseCallFile(bytes, path, is_trace);
}

absl::StatusOr<std::vector<CallFileEntry>> ParseCallFile(std::string_view bytes,
                                                         const std::string& path, bool is_trace) {
  std::vector<CallFileEntry> entries;
  absl::Duration earliest;
  int line_number = 0;
  for (const absl::string_view line : absl::StrSplit(AbslView(bytes), '\n')) {
    ++line_number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    CallFileEntry entry;
    if (const absl::Status parsed = ParseEntry(line, is_trace, earliest, entry); !parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", line_number, ": ", parsed.message()));
    }
    earliest = entry.at;
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return absl::InvalidArgumentError(path + " has no calls");
  return entries;
}

}  // namespace chorus::bench
