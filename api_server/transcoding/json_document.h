#pragma once

// A JSON text, checked by ParseJson (json_parser.h), and read in place.
//
// The document keeps the text and 16 bytes a value; numbers and strings stay in the text and are
// decoded when asked for. So a hostile body costs a small multiple of its own size.
//
// Thread safety: immutable. A JsonValue borrows its document, which must outlive it and not move.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

class JsonDocument;

class JsonValue {
 public:
  enum class Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
  class Iterator;
  struct Range;

  Kind kind() const;

  // The text of the value as it was written; of a number, its literal.
  std::string_view raw() const;

  // The characters of a string, UTF-8. Requires kString.
  std::string string() const;

  // The elements of an array, or the names and values of an object in turn: name, value, name, ...
  // Requires kArray or kObject.
  Range children() const;

  // The member of that name. Requires kObject; takes time linear in the number of members.
  std::optional<JsonValue> Find(std::string_view name) const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument& document, uint32_t node) : document_(&document), node_(node) {}

  const JsonDocument* document_;
  uint32_t node_;
};

class JsonDocument {
 public:
  JsonValue root() const { return {*this, 0}; }

 private:
  friend class JsonValue;
  friend class JsonParser;

  struct Node {
    JsonValue::Kind kind;
    uint32_t begin;  // Bytes [begin, end) of the text.
    uint32_t end;
    uint32_t next;  // The first node that is not inside this one.
  };

  explicit JsonDocument(std::string_view text) : text_(text) {}

  std::string text_;
  std::vector<Node> nodes_;  // In the order of the text: a value, then what is inside it.
};

class JsonValue::Iterator {
 public:
  explicit Iterator(JsonValue value) : value_(value) {}
  JsonValue operator*() const { return value_; }
  Iterator& operator++() {
    value_.node_ = value_.document_->nodes_[value_.node_].next;
    return *this;
  }
  bool operator==(const Iterator& other) const { return value_.node_ == other.value_.node_; }

 private:
  JsonValue value_;
};

struct JsonValue::Range {
  Iterator begin() const { return begin_; }
  Iterator end() const { return end_; }

  Iterator begin_;
  Iterator end_;
};

// The characters of a string literal, `literal` with its quotes. Requires a valid one.
std::string UnescapeJsonString(std::string_view literal);

}  // namespace chorus
