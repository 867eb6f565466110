#include "stream/utf8_assembler.h"

#include <cstdint>

namespace etb::stream {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Lead {
  size_t length;  // bytes of the character; 0 = cannot start one
  uint8_t second_low,
      second_high;  // range of the second byte: shuts out overlong forms, surrogates, > U+10FFFF
};

Lead classify(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte < 0xF0) {
    const uint8_t low = byte == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = byte == 0xED ? 0x9F : 0xBF;
    return {3, low, high};
  }
  if (byte < 0xF5) {
    const uint8_t low = byte == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = byte == 0xF4 ? 0x8F : 0xBF;
    return {4, low, high};
  }
  return {0, 0, 0};
}

enum class Part { Whole, Unfinished, Broken };

// How much of text[at...] belongs together: a whole character, a prefix that more bytes could
// finish, or a maximal ill-formed part. Sets `length` to its bytes.
Part next_part(std::string_view text, size_t at, size_t& length) {
  const Lead lead = classify(static_cast<uint8_t>(text[at]));
  length = 1;
  if (lead.length == 0) return Part::Broken;
  while (length < lead.length) {
    if (at + length == text.size()) return Part::Unfinished;
    const auto byte = static_cast<uint8_t>(text[at + length]);
    const uint8_t low = length == 1 ? lead.second_low : 0x80;
    const uint8_t high = length == 1 ? lead.second_high : 0xBF;
    if (byte < low || byte > high) return Part::Broken;
    ++length;
  }
  return Part::Whole;
}

}  // namespace

void Utf8Assembler::push(std::string_view bytes, std::string& out) {
  std::string joined;
  std::string_view text = bytes;
  if (!held_.empty()) {
    joined = std::move(held_);
    joined += bytes;
    text = joined;
  }
  held_.clear();
  for (size_t at = 0; at < text.size();) {
    size_t length = 0;
    const Part part = next_part(text, at, length);
    if (part == Part::Unfinished) {
      held_.assign(text.substr(at));
      return;
    }
    out += part == Part::Whole ? text.substr(at, length) : kReplacement;
    at += length;
  }
}

void Utf8Assembler::finish(std::string& out) {
  if (!held_.empty()) out += kReplacement;
  held_.clear();
}

}  // namespace etb::stream
