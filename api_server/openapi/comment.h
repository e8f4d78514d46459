#pragma once

// A .proto file's comments, and what they say as far as a machine can read it.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

// The file, added to `pool` with its comments, which generated descriptors lack. `descriptor_set`
// is a FileDescriptorSet as protoc --include_imports --include_source_info writes it of one file.
// Null when it is broken.
const google::protobuf::FileDescriptor* LoadCommentedProto(std::string_view descriptor_set,
                                                           google::protobuf::DescriptorPool& pool);

// The comment lines, reflowed: a line a paragraph or list item, and an empty line between
// paragraphs.
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

// Bounds that a comment gives a number, or the number of a list's entries.
struct CommentRange {
  std::optional<double> minimum, exclusive_minimum, maximum, exclusive_maximum;
  // Of a string, or of a list's strings: "of 1 to 1,024 bytes".
  std::optional<int64_t> min_bytes, max_bytes;
};

// The first clause of these forms counts; a clause begins the comment or follows a comma, a
// semicolon, a colon or a full stop: "1 to 64", "1 to the model's context", "at least 1",
// "at most 20", "greater than 0", "in (0, 1]".
CommentRange RangeOf(std::string_view comment);

// Whether a field's comment says that streaming methods refuse the field: "Not in streams".
bool IsNotInStreams(std::string_view comment);

// The errors that a method's comment lists under "Errors:".
struct CommentErrors {
  std::string description;  // The comment before them.
  std::string inherits;     // "Errors: as `Other`": the other method's name; else empty.
  // By the code's name, such as "NOT_FOUND", in the comment's order. A text may begin with
  // "as `Other`", which stands for what that method says of the same code.
  std::vector<std::pair<std::string, std::string>> errors;
};

// `comment` is reflowed. For example "Does it.\n\nErrors:\n* `NOT_FOUND`, `INTERNAL`: no luck." has
// the description "Does it." and two errors with the text "no luck.".
CommentErrors ErrorsOf(std::string_view comment);

// The name in the "as `Name`" that `text` begins with, and what follows it; the name is empty when
// it does not.
std::pair<std::string, std::string> TakeAs(std::string_view text);

}  // namespace chorus
