#pragma once

// A report: the JSON object that is saved, and from which tables and pages are made. Its "schema"
// says of what it is; docs/load.md describes the keys.
//
// Thread safety: free functions without state.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus::bench {

using Report = nlohmann::ordered_json;

inline constexpr char kRunSchema[] = "chorus.bench.run/1";
inline constexpr char kSweepSchema[] = "chorus.bench.sweep/1";
inline constexpr char kCompareSchema[] = "chorus.bench.compare/1";

// A report of `schema` that was saved. INVALID_ARGUMENT names the file.
absl::StatusOr<Report> ReadReport(const std::string& path, const std::string& schema);

// That of a file's bytes, likewise.
absl::StatusOr<Report> ParseReport(std::string_view bytes, const std::string& path,
                                   const std::string& schema);

// The number at a JSON pointer; 0 where there is none.
double Number(const Report& report, const std::string& pointer);
// The string at a JSON pointer; empty where there is none.
std::string Text(const Report& report, const std::string& pointer);

// What was measured, in a line: "graph inference_graph by sse at http://127.0.0.1:3000, ...".
std::string Headline(const Report& report);

// For a terminal, of any of the three schemas; whatever a server has said in it, none is commanded.
std::string ToTable(const Report& report);

// One HTML page, of any of the three, which loads nothing from anywhere.
std::string ToPage(const Report& report);

// Its most telling plot alone, as an SVG file.
std::string ToSvgFile(const Report& report);

// What has become of each figure from `a` to `b`, reports of runs: their ratio, and between what a
// bootstrap over the slices of both (1,000 times, the same each time) puts it in 95 of 100.
Report Compare(const Report& a, const Report& b);

}  // namespace chorus::bench
