#pragma once

// A .proto file's comments, and the ranges and errors that they state.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::gateway {

// Adds a file to `pool` with its comments, which generated descriptors lack. `descriptor_set` is
// the output of protoc --include_imports --include_source_info for one file. Null if it is
// malformed.
const google::protobuf::FileDescriptor* LoadCommentedProto(std::string_view descriptor_set,
                                                           google::protobuf::DescriptorPool& pool);

// The comment with one line for each paragraph or list item, and empty lines between paragraphs.
std::string ReflowComment(std::string_view comment);

// The comment above `element` (a message, field, method, enum, …), reflowed; empty without one.
template <typename Element>
std::string CommentOf(const Element& element) {
  google::protobuf::SourceLocation location;
  if (!element.GetSourceLocation(&location)) return "";
  return ReflowComment(location.leading_comments);
}

// The first sentence of a reflowed comment, without its full stop.
std::string FirstSentence(std::string_view comment);

// Bounds of a number, or of the number of a list's entries.
struct CommentRange {
  std::optional<double> minimum, exclusive_minimum, maximum, exclusive_maximum;
  // Of a string, or of a list's strings: "of 1 to 1,024 bytes".
  std::optional<int64_t> min_bytes, max_bytes;
};

// The first clause of one of these forms counts; a clause begins the comment or follows `,`, `;`,
// `:` or `.`: "1 to 64", "1 to the model's context", "at least 1", "at most 20", "greater than 0",
// "in (0, 1]".
CommentRange RangeOf(std::string_view comment);

// Whether a field's comment says "Not in streams".
bool IsNotInStreams(std::string_view comment);

// A method's comment, split at "Errors:".
struct CommentErrors {
  std::string description;  // The comment before them.
  std::string inherits;     // "Errors: as `Other`": the other method's name; else empty.
  // Code name, such as "NOT_FOUND", and text, in order. A text may begin with "as `Other`": that
  // method's text for the same code.
  std::vector<std::pair<std::string, std::string>> errors;
};

// `comment` is reflowed. For example "Does it.\n\nErrors:\n* `NOT_FOUND`, `INTERNAL`: no luck." has
// the description "Does it." and two errors with the text "no luck.".
CommentErrors ErrorsOf(std::string_view comment);

// Splits a leading "as `Name`" off `text`: the name, empty if there is none, and the rest.
std::pair<std::string, std::string> TakeAs(std::string_view text);

}  // namespace chorus::gateway
