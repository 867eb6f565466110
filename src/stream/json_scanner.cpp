#include "stream/json_scanner.h"

#include <algorithm>
#include <string_view>

namespace etb::stream {
namespace {

constexpr std::string_view kKeys[] = {"name", "arguments", "parameters", "id", "type"};
constexpr size_t kMostOpen = 90;  // fewer than parsers of JSON take

// Of numbers, true, false and null.
bool is_word(char c) {
  const auto between = [c](char first, char last) { return c >= first && c <= last; };
  return between('0', '9') || between('a', 'z') || c == 'E' || c == '+' || c == '-' || c == '.';
}

}  // namespace

Scan JsonScanner::push(char c) {
  if (inside_ == Inside::String || inside_ == Inside::Escape) return in_string(c);
  if (inside_ == Inside::Word) {
    if (is_word(c)) return Scan::Going;
    inside_ = Inside::Nothing;
  }
  if (is_space(c)) return Scan::Going;
  switch (expect_) {
    case Expect::Value:
      return value(c);
    case Expect::ValueOrEnd:
      return c == ']' ? close(c) : value(c);
    case Expect::Key:
      return c == '"' ? begin_string(true) : Scan::Broken;
    case Expect::KeyOrEnd:
      return c == '"' ? begin_string(true) : close(c);
    case Expect::Colon:
      expect_ = Expect::Value;
      return c == ':' ? Scan::Going : Scan::Broken;
    case Expect::CommaOrEnd:
      break;
  }
  if (c != ',') return close(c);
  expect_ = open_.back() == '{' ? Expect::Key : Expect::Value;
  return Scan::Going;
}

Scan JsonScanner::in_string(char c) {
  const bool own_key = is_key_ && in_call();
  if (inside_ == Inside::Escape) {
    inside_ = Inside::String;
    return own_key ? Scan::Broken : Scan::Going;
  }
  if (static_cast<unsigned char>(c) < 0x20) return Scan::Broken;
  if (c == '\\') {
    inside_ = Inside::Escape;
    return Scan::Going;
  }
  const bool ends = c == '"';
  if (own_key && !ends) key_ += c;
  if (own_key && std::ranges::none_of(kKeys, [&](std::string_view key) {
        return ends ? key == key_ : key.starts_with(key_);
      })) {
    return Scan::Broken;
  }
  if (!ends) return Scan::Going;
  inside_ = Inside::Nothing;
  if (!is_key_) return after_value();
  expect_ = Expect::Colon;
  return Scan::Going;
}

Scan JsonScanner::begin_string(bool is_key) {
  inside_ = Inside::String;
  is_key_ = is_key;
  if (is_key && in_call()) key_.clear();
  return Scan::Going;
}

Scan JsonScanner::value(char c) {
  const bool calls = shape_ == Shape::Calls;
  if (open_.empty()) return c == '{' || (calls && c == '[') ? open(c) : Scan::Broken;
  if (calls && open_ == "[") return c == '{' ? open(c) : Scan::Broken;
  if (in_call()) {
    const bool arguments = key_ == "arguments" || key_ == "parameters";
    if (c != '"' && !(arguments && c == '{')) return Scan::Broken;
  }
  if (c == '{' || c == '[') return open(c);
  if (c == '"') return begin_string(false);
  if (!is_word(c)) return Scan::Broken;
  inside_ = Inside::Word;
  return after_value();
}

Scan JsonScanner::open(char c) {
  if (open_.size() == kMostOpen) return Scan::Broken;
  open_ += c;
  expect_ = c == '{' ? Expect::KeyOrEnd : Expect::ValueOrEnd;
  return Scan::Going;
}

Scan JsonScanner::close(char c) {
  if (open_.empty() || c != (open_.back() == '{' ? '}' : ']')) return Scan::Broken;
  open_.pop_back();
  return after_value();
}

Scan JsonScanner::after_value() {
  expect_ = Expect::CommaOrEnd;
  return open_.empty() ? Scan::Done : Scan::Going;
}

}  // namespace etb::stream
