// JSON text, read forward without building a tree: a tokenizer.json holds some hundred thousand
// strings in two places and a few dozen values elsewhere. Small parts are taken as JsonValue trees.
// A general library reads such a file several times slower than the rest of opening it takes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace etb::token {

struct JsonMember;

struct JsonValue {
  enum class Kind : uint8_t { Null, Bool, Number, String, Array, Object };

  Kind kind = Kind::Null;
  bool boolean = false;
  double number = 0;
  std::string text;  // of a string
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;  // of an object, in the text's order

  bool is_null() const { return kind == Kind::Null; }
  bool is_string() const { return kind == Kind::String; }
  // A new last member's value, null so far.
  JsonValue& add_member(std::string name);
  // The member, or a value of kind Null where there is none (also if this is no object).
  const JsonValue& operator[](std::string_view key) const;
  // The value as it would be written in a message: `"text"`, `true`, `12`, `[...]`, `{...}`; cut
  // when long.
  std::string shown() const;
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

// The first error ends all reading: every later call returns false. `text` must outlive this and
// the views it hands out.
class JsonReader {
 public:
  // Reading fails with Corrupt where `text` is not JSON in UTF-8; with Unsupported where it is
  // nested too deep.
  explicit JsonReader(std::string_view text);

  // The value at hand begins with one of these.
  bool at_string() const { return at_ < text_.size() && text_[at_] == '"'; }
  bool at_array() const { return at_ < text_.size() && text_[at_] == '['; }
  bool at_object() const { return at_ < text_.size() && text_[at_] == '{'; }

  // {"key": value, ...}: begin_object(), then read or skip one value after each next_key().
  bool begin_object() { return begin('{'); }
  bool next_key(std::string_view& key);
  // [value, ...]: begin_array(), then read or skip one value after each next_item().
  bool begin_array() { return begin('['); }
  bool next_item();

  // A view into the text, or (of a string with escapes) into memory that the next string reuses.
  bool read_string(std::string_view& out);
  // The view is one into the text.
  bool is_in_text(std::string_view view) const {
    return std::less_equal<>()(text_.data(), view.data()) &&
           std::less<>()(view.data(), text_.data() + text_.size());
  }
  bool read_uint(uint32_t& out);
  bool read_number(double& out);
  // A tree of at most kMaxNodes values.
  bool read_value(JsonValue& out);
  bool skip_value();
  // Nothing but white space is left.
  bool finish();

  size_t text_size() const { return text_.size(); }
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  // Ends reading with an error of the caller's. Returns false.
  bool fail(Status status);

  static constexpr size_t kMaxDepth = 64;
  static constexpr size_t kMaxNodes = size_t{1} << 20;

 private:
  bool begin(char bracket);
  bool next(char closing, bool& more);
  bool expect_value();
  bool read_literal(std::string_view literal);
  bool pass_plain();
  bool read_escaped(size_t begin, std::string_view& out);
  bool read_escape();
  bool read_hex4(uint32_t& code);
  bool read_tree(JsonValue& out);
  bool read_scalar(JsonValue& out);
  bool skip_scalar();
  bool bad(std::string_view what);
  void skip_space() {
    if (at_ == text_.size() || static_cast<uint8_t>(text_[at_]) <= ' ') skip_more_space();
  }
  void skip_more_space();

  std::string_view text_;
  size_t at_ = 0;
  size_t depth_ = 0;
  size_t nodes_ = 0;
  bool fresh_ = false;  // nothing was read yet in the innermost array or object
  std::string scratch_;
  Status status_;
};

}  // namespace etb::token
