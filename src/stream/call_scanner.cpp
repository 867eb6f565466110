#include "stream/call_scanner.h"

#include <algorithm>
#include <string_view>

namespace etb::stream {
namespace {

using State = CallScanner::State;

constexpr std::string_view kKeys[] = {"name", "arguments", "parameters", "id", "type"};
constexpr size_t kMostOpen = 90;  // fewer than parsers of JSON take

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// Of numbers, true, false and null.
bool is_word(char c) {
  const auto between = [c](char first, char last) { return c >= first && c <= last; };
  return between('0', '9') || between('a', 'z') || c == 'E' || c == '+' || c == '-' || c == '.';
}

}  // namespace

State CallScanner::push(char c) {
  if (inside_ == Inside::String || inside_ == Inside::Escape) return in_string(c);
  if (inside_ == Inside::Word) {
    if (is_word(c)) return State::Going;
    inside_ = Inside::Nothing;
  }
  if (is_space(c)) return State::Going;
  switch (expect_) {
    case Expect::Value:
      return value(c);
    case Expect::ValueOrEnd:
      return c == ']' ? close(c) : value(c);
    case Expect::Key:
      return c == '"' ? begin_string(true) : State::Broken;
    case Expect::KeyOrEnd:
      return c == '"' ? begin_string(true) : close(c);
    case Expect::Colon:
      expect_ = Expect::Value;
      return c == ':' ? State::Going : State::Broken;
    case Expect::CommaOrEnd:
      break;
  }
  if (c != ',') return close(c);
  expect_ = open_.back() == '{' ? Expect::Key : Expect::Value;
  return State::Going;
}

State CallScanner::in_string(char c) {
  const bool own_key = is_key_ && in_call();
  if (inside_ == Inside::Escape) {
    inside_ = Inside::String;
    return own_key ? State::Broken : State::Going;
  }
  if (static_cast<unsigned char>(c) < 0x20) return State::Broken;
  if (c == '\\') {
    inside_ = Inside::Escape;
    return State::Going;
  }
  const bool ends = c == '"';
  if (own_key && !ends) key_ += c;
  if (own_key && std::ranges::none_of(kKeys, [&](std::string_view key) {
        return ends ? key == key_ : key.starts_with(key_);
      })) {
    return State::Broken;
  }
  if (!ends) return State::Going;
  inside_ = Inside::Nothing;
  if (!is_key_) return after_value();
  expect_ = Expect::Colon;
  return State::Going;
}

State CallScanner::begin_string(bool is_key) {
  inside_ = Inside::String;
  is_key_ = is_key;
  if (is_key && in_call()) key_.clear();
  return State::Going;
}

State CallScanner::value(char c) {
  if (open_.empty()) return c == '{' || c == '[' ? open(c) : State::Broken;
  if (open_ == "[") return c == '{' ? open(c) : State::Broken;
  if (in_call()) {
    const bool arguments = key_ == "arguments" || key_ == "parameters";
    if (c != '"' && !(arguments && c == '{')) return State::Broken;
  }
  if (c == '{' || c == '[') return open(c);
  if (c == '"') return begin_string(false);
  if (!is_word(c)) return State::Broken;
  inside_ = Inside::Word;
  return after_value();
}

State CallScanner::open(char c) {
  if (open_.size() == kMostOpen) return State::Broken;
  open_ += c;
  expect_ = c == '{' ? Expect::KeyOrEnd : Expect::ValueOrEnd;
  return State::Going;
}

State CallScanner::close(char c) {
  if (open_.empty() || c != (open_.back() == '{' ? '}' : ']')) return State::Broken;
  open_.pop_back();
  return after_value();
}

State CallScanner::after_value() {
  expect_ = Expect::CommaOrEnd;
  return open_.empty() ? State::Done : State::Going;
}

}  // namespace etb::stream
