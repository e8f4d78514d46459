#pragma once

// Base class of JSON readers on nlohmann::json's SAX parser. Strict RFC 8259 (no comments, no
// trailing commas, no NaN, no lone surrogates, UTF-8 only), except that a leading byte order mark
// is skipped. A number that a double cannot hold is refused, by its event (it comes as an infinity)
// or after it.
//
// A derived class overrides the events it needs. Its start_, end_ and key events must first call
// those of this class, which bound the depth and compare keys.
//
// Linear time, no recursion, no exceptions.
//
// Thread safety: none.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"

namespace chorus {

struct JsonRules {
  int max_depth;    // How deep arrays and objects may nest.
  bool equal_keys;  // Whether an object may have a key twice. Keys are compared unescaped.
};

class JsonReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonReader(JsonRules rules) : rules_(rules) {}

  // Emits the events of `text`. INVALID_ARGUMENT begins with the position, in lines and characters
  // from 1: "line 3, column 7: ". It quotes at most one character or key of the text.
  absl::Status Read(std::string_view text);

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON has none.
  bool start_object(size_t) override { return Open(); }
  bool key(std::string& key) override;
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& exception) override;

 protected:
  // To be returned by an event: ends Read() with the error `what` at byte `at` of the text.
  bool Fail(size_t at, std::string_view what);

 private:
  bool Open();
  bool Close();

  const JsonRules rules_;
  std::string_view text_;
  const char* next_ = nullptr;  // First unread byte of text_.
  absl::Status error_;
  std::vector<absl::flat_hash_set<std::string>> keys_;  // Of each open object or array.
};

}  // namespace chorus
