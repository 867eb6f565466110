#include "token/json_reader.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "token/utf8.h"

namespace etb::token {
namespace {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

constexpr uint64_t in_each_byte(uint8_t value) {
  return value * uint64_t{0x0101'0101'0101'0101u};
}

uint64_t load_eight(const char* at) {
  uint64_t eight;
  std::memcpy(&eight, at, sizeof eight);
  return eight;
}

// What ends the plain part of a string: the quote, the escape, what may not stand there; and what
// is not ASCII. Only the lowest byte that is marked (0x80) is sure to be one.
uint64_t string_stops(uint64_t eight) {
  const uint64_t no_quote = (eight ^ in_each_byte('"')) - in_each_byte(1);
  const uint64_t no_escape = (eight ^ in_each_byte('\\')) - in_each_byte(1);
  const uint64_t no_control = eight - in_each_byte(0x20);
  return (eight | no_quote | no_escape | no_control) & in_each_byte(0x80);
}

bool is_plain(uint8_t byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

bool is_number_byte(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// JSON's own grammar: from_chars also takes "inf", and is content with "01".
bool is_number(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  const auto take = [&](char c) {
    return at < text.size() && text[at] == c ? (++at, true) : false;
  };
  take('-');
  const size_t first = at;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (take('.') && digits() == 0) return false;
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

JsonValue& JsonValue::add_member(std::string name) {
  members.push_back({std::move(name), {}});
  return members.back().value;
}

const JsonValue& JsonValue::operator[](std::string_view key) const {
  static const JsonValue kNone;
  for (const auto& [name, value] : members) {
    if (name == key) return value;
  }
  return kNone;
}

std::string JsonValue::shown() const {
  switch (kind) {
    case Kind::Null:
      return "null";
    case Kind::Bool:
      return boolean ? "true" : "false";
    case Kind::Number:
      return concat(number);
    case Kind::String:
      return concat('"', text.substr(0, 80), text.size() > 80 ? "...\"" : "\"");
    case Kind::Array:
      return items.empty() ? "[]" : "[...]";
    case Kind::Object:
      return members.empty() ? "{}" : "{...}";
  }
  return {};
}

JsonReader::JsonReader(std::string_view text) : text_(text) {
  if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  skip_space();
}

bool JsonReader::fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
  return false;
}

bool JsonReader::bad(std::string_view what) {
  return fail(Status(StatusCode::Corrupt, concat("bad JSON at byte ", at_, ": ", what)));
}

void JsonReader::skip_more_space() {
  while (at_ + 8 <= text_.size() && load_eight(text_.data() + at_) == in_each_byte(' ')) at_ += 8;
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
    ++at_;
  }
}

bool JsonReader::expect_value() {
  if (!ok()) return false;
  return at_ < text_.size() || bad("the text ends where a value should be");
}

bool JsonReader::begin(char bracket) {
  if (!expect_value()) return false;
  if (text_[at_] != bracket) {
    return bad(bracket == '{' ? "an object is expected" : "an array is expected");
  }
  if (depth_ == kMaxDepth) {
    return fail(Status(StatusCode::Unsupported,
                       concat("JSON is nested deeper than ", kMaxDepth, " levels")));
  }
  ++depth_;
  ++at_;
  fresh_ = true;
  skip_space();
  return true;
}

// To the next element; `more` is false at the closing bracket, which is taken.
bool JsonReader::next(char closing, bool& more) {
  more = false;
  if (!ok()) return false;
  const bool first = std::exchange(fresh_, false);
  if (at_ < text_.size() && text_[at_] == closing) {
    ++at_;
    --depth_;
    skip_space();
    return true;
  }
  if (!first) {
    if (at_ == text_.size() || text_[at_] != ',')
      return bad("',' or a closing bracket is expected");
    ++at_;
    skip_space();
  }
  more = true;
  return true;
}

bool JsonReader::next_item() {
  bool more = false;
  return next(']', more) && more;
}

bool JsonReader::next_key(std::string_view& key) {
  bool more = false;
  if (!next('}', more) || !more) return false;
  if (!read_string(key)) return false;
  if (at_ == text_.size() || text_[at_] != ':') return bad("':' is expected");
  ++at_;
  skip_space();
  return true;
}

bool JsonReader::read_string(std::string_view& out) {
  if (!expect_value()) return false;
  if (text_[at_] != '"') return bad("a string is expected");
  const size_t begin = ++at_;
  if (!pass_plain()) return false;
  if (at_ < text_.size() && text_[at_] == '"') {
    out = text_.substr(begin, at_ - begin);
    ++at_;
    skip_space();
    return true;
  }
  return read_escaped(begin, out);
}

// To the quote, escape or control character that ends the plain part of a string, or to the end of
// the text.
bool JsonReader::pass_plain() {
  const size_t size = text_.size();
  const auto byte = [this](size_t at) { return static_cast<uint8_t>(text_[at]); };
  size_t at = at_;
  while (at < size) {
    if (at + 8 <= size) {
      const uint64_t stops = string_stops(load_eight(text_.data() + at));
      at += stops == 0 ? 8 : static_cast<size_t>(std::countr_zero(stops)) / 8;
      if (stops == 0) continue;
    } else if (is_plain(byte(at))) {
      ++at;
      continue;
    }
    if (byte(at) < 0x80) break;
    while (at < size && byte(at) >= 0x80) {
      // What most spellings have: two bytes. (0xC2 to 0xDF, then 0x80 to 0xBF.)
      if (byte(at) >= 0xC2 && byte(at) < 0xE0 && at + 1 < size && (byte(at + 1) & 0xC0) == 0x80) {
        at += 2;
        continue;
      }
      const size_t length = utf8_sequence_length(text_.substr(at));
      at_ = at;
      if (length == 0) return bad("a byte that is not UTF-8");
      at += length;
    }
  }
  at_ = at;
  return true;
}

bool JsonReader::read_escaped(size_t begin, std::string_view& out) {
  scratch_.assign(text_.substr(begin, at_ - begin));
  while (at_ < text_.size() && text_[at_] != '"') {
    if (text_[at_] == '\\') {
      if (!read_escape()) return false;
      continue;
    }
    const size_t from = at_;
    if (!pass_plain()) return false;
    if (at_ == from) return bad("a control character in a string");
    scratch_ += text_.substr(from, at_ - from);
  }
  if (at_ == text_.size()) return bad("a string has no end");
  ++at_;
  skip_space();
  out = scratch_;
  return true;
}

bool JsonReader::read_hex4(uint32_t& code) {
  if (text_.size() - at_ < 4) return bad("\\u needs four hexadecimal digits");
  const char* end = text_.data() + at_ + 4;
  if (std::from_chars(text_.data() + at_, end, code, 16).ptr != end) {
    return bad("\\u needs four hexadecimal digits");
  }
  at_ += 4;
  return true;
}

bool JsonReader::read_escape() {
  constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  if (text_.size() - at_ < 2) return bad("a string has no end");
  const char kind = text_[at_ + 1];
  at_ += 2;
  if (kind != 'u') {
    const size_t which = kNames.find(kind);
    if (which == std::string_view::npos) return bad("an unknown escape");
    scratch_ += kValues[which];
    return true;
  }
  uint32_t code = 0, low = 0;
  if (!read_hex4(code)) return false;
  if (code >= 0xDC00 && code < 0xE000) return bad("half of a surrogate pair");
  if (code >= 0xD800 && code < 0xDC00) {
    if (!text_.substr(at_).starts_with("\\u")) return bad("half of a surrogate pair");
    at_ += 2;
    if (!read_hex4(low)) return false;
    if (low < 0xDC00 || low >= 0xE000) return bad("half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(code, scratch_);
  return true;
}

bool JsonReader::read_uint(uint32_t& out) {
  if (!expect_value()) return false;
  const char* end = text_.data() + text_.size();
  const auto [stop, error] = std::from_chars(text_.data() + at_, end, out);
  if (error != std::errc() || (stop != end && is_number_byte(*stop))) {
    return bad("a whole number below 2^32 is expected");
  }
  at_ = static_cast<size_t>(stop - text_.data());
  skip_space();
  return true;
}

bool JsonReader::read_number(double& out) {
  if (!expect_value()) return false;
  const size_t begin = at_;
  while (at_ < text_.size() && is_number_byte(text_[at_])) ++at_;
  const std::string_view number = text_.substr(begin, at_ - begin);
  if (!is_number(number)) return bad("a number is expected");
  if (std::from_chars(number.data(), number.data() + number.size(), out).ec != std::errc()) {
    return bad("a number is out of range");
  }
  skip_space();
  return true;
}

bool JsonReader::read_literal(std::string_view literal) {
  if (!text_.substr(at_).starts_with(literal)) return bad("a value is expected");
  at_ += literal.size();
  skip_space();
  return true;
}

bool JsonReader::read_scalar(JsonValue& out) {
  switch (text_[at_]) {
    case '"': {
      std::string_view view;
      out.kind = JsonValue::Kind::String;
      if (!read_string(view)) return false;
      out.text = view;
      return true;
    }
    case 't':
    case 'f':
      out.kind = JsonValue::Kind::Bool;
      out.boolean = text_[at_] == 't';
      return read_literal(out.boolean ? "true" : "false");
    case 'n':
      return read_literal("null");
    default:
      out.kind = JsonValue::Kind::Number;
      return read_number(out.number);
  }
}

bool JsonReader::read_tree(JsonValue& out) {
  if (!expect_value()) return false;
  if (++nodes_ > kMaxNodes) {
    return fail(Status(StatusCode::Unsupported, "a part of the JSON has too many values"));
  }
  if (at_array()) {
    out.kind = JsonValue::Kind::Array;
    if (!begin_array()) return false;
    while (next_item()) {
      if (!read_tree(out.items.emplace_back())) return false;
    }
    return ok();
  }
  if (at_object()) {
    out.kind = JsonValue::Kind::Object;
    if (!begin_object()) return false;
    for (std::string_view key; next_key(key);) {
      if (!read_tree(out.add_member(std::string(key)))) return false;
    }
    return ok();
  }
  return read_scalar(out);
}

bool JsonReader::read_value(JsonValue& out) {
  nodes_ = 0;
  out = {};
  return read_tree(out);
}

bool JsonReader::skip_scalar() {
  if (at_string()) {
    std::string_view view;
    return read_string(view);
  }
  JsonValue value;
  return expect_value() && read_scalar(value);
}

// Recursion is bounded by kMaxDepth: begin() counts.
bool JsonReader::skip_value() {
  if (at_array()) {
    if (!begin_array()) return false;
    while (next_item()) {
      if (!skip_value()) return false;
    }
    return ok();
  }
  if (at_object()) {
    if (!begin_object()) return false;
    for (std::string_view key; next_key(key);) {
      if (!skip_value()) return false;
    }
    return ok();
  }
  return skip_scalar();
}

bool JsonReader::finish() {
  if (!ok()) return false;
  return at_ == text_.size() || bad("something stands behind the value");
}

}  // namespace etb::token
