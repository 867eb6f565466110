#include "token/chars_map.h"

#include <algorithm>
#include <cstring>

#include "token/utf8.h"

namespace etb::token {
namespace {

Status corrupt() {
  return Status(StatusCode::Corrupt, "the map of characters (precompiled_charsmap) is broken");
}

constexpr size_t kMaxReplacement = 256;  // bytes; bounds how much longer a text can become

bool continues_character(char byte) {
  return (static_cast<uint8_t>(byte) & 0xC0) == 0x80;
}

// A unit of the double array (Darts-clone).
bool has_leaf(uint32_t unit) {
  return (unit >> 8 & 1) == 1;
}
uint32_t value_of(uint32_t unit) {
  return unit & 0x7FFF'FFFF;
}
uint32_t label_of(uint32_t unit) {
  return unit & 0x8000'00FF;
}
uint32_t offset_of(uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200) >> 6);
}

}  // namespace

Result<CharsMap> CharsMap::parse(std::string_view bytes) {
  uint32_t size = 0;
  if (bytes.size() < sizeof size) return corrupt();
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (size == 0 || size % 4 != 0 || size >= bytes.size() || bytes.back() != '\0') return corrupt();
  CharsMap map;
  map.units_.resize(size / 4);
  std::memcpy(map.units_.data(), bytes.data(), size);
  map.replacements_ = bytes.substr(size);
  if (first_invalid_utf8(map.replacements_) != map.replacements_.size()) return corrupt();
  size_t longest = 0;
  for (size_t at = 0; at < map.replacements_.size(); at = map.replacements_.find('\0', at) + 1) {
    longest = std::max(longest, std::strlen(map.replacements_.c_str() + at));
  }
  if (longest > kMaxReplacement) return corrupt();
  return map;
}

CharsMap::Found CharsMap::longest_at(std::string_view text) const {
  Found best;
  uint32_t node = offset_of(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label_of(units_[node]) != byte) break;
    const uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) break;
    const uint32_t replacement = value_of(units_[node]);
    const bool inside =
        replacement < replacements_.size() && !continues_character(replacements_[replacement]);
    if (inside) best = {i + 1, replacement};
  }
  return best;
}

std::string CharsMap::apply(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Found found = longest_at(text.substr(at));
    const bool whole = found.length > 0 && (at + found.length == text.size() ||
                                            !continues_character(text[at + found.length]));
    if (whole) {
      out += replacements_.c_str() + found.replacement;
      at += found.length;
    } else {
      const size_t length = utf8_length(text[at]);
      out += text.substr(at, length);
      at += length;
    }
  }
  return out;
}

}  // namespace etb::token
