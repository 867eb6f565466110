// concat(): the one way messages are put together. concat("layer ", 3, " of '", name, "'").
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace etb {

inline void append_piece(std::string& out, std::string_view piece) {
  out += piece;
}
inline void append_piece(std::string& out, char piece) {
  out += piece;
}
template <class N>
requires std::integral<N> || std::floating_point<N>
void append_piece(std::string& out, N number) {
  out += std::to_string(number);
}

template <class... Pieces>
std::string concat(const Pieces&... pieces) {
  std::string out;
  (append_piece(out, pieces), ...);
  return out;
}

// 16 hexadecimal digits, as hashes are shown.
inline std::string hex(uint64_t value) {
  std::string out(16, '0');
  for (size_t i = 16; i-- > 0; value >>= 4) out[i] = "0123456789abcdef"[value & 15];
  return out;
}

}  // namespace etb
