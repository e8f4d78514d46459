#pragma once

// Reads YAML into a protobuf message, strictly: keys are the message's field names, and anything
// else is an error with its position in the file.
//
// | field          | YAML                                                                    |
// |----------------|-------------------------------------------------------------------------|
// | message        | a mapping                                                               |
// | repeated       | a sequence                                                              |
// | map            | a mapping; the keys are strings                                         |
// | Duration       | a number with a unit, or several: 30s, 1m30s, 250ms                     |
// | enum           | the value's name                                                        |
// | bool           | true or false                                                           |
// | integer, float | a plain number (not quoted) within the type's range; floats are finite  |
// | string         | any scalar but null; quote it where YAML would see null                 |
//
// Refused: unknown keys, keys given twice, two fields of one oneof, wrong types, values out of
// range, null, tags, and more than one document. Bytes fields and maps whose keys are no strings
// are not supported.
//
// Thread safety: free functions without state.

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace chorus {

// Positions of the values of one file, for errors beyond ParseYaml's, in the same form. Immutable
// once filled.
class YamlPlaces {
 public:
  // INVALID_ARGUMENT: "chorusfile.yaml:7:5: models[1]: <what>"; without line and column if the file
  // does not set `path`.
  absl::Status Error(const std::string& path, std::string_view what) const;

 private:
  friend absl::Status ParseYaml(std::string_view yaml, std::string_view file,
                                google::protobuf::Message& message, YamlPlaces* places);

  std::string file_;
  std::map<std::string, std::string> places_;  // "models[1]" to "chorusfile.yaml:7:5".
};

// Merges `yaml` into `message`. `file` is its name in errors. INVALID_ARGUMENT lists every error, a
// line each, as `graph.yaml:7:5: nodes[1].generate.top_k: must be an integer from 0 to 4294967295:
// "many"`; `message` is then partly filled. `places`, if given, is set.
absl::Status ParseYaml(std::string_view yaml, std::string_view file,
                       google::protobuf::Message& message, YamlPlaces* places = nullptr);

}  // namespace chorus
