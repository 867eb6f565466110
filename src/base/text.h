// concat(): the one way messages are put together. concat("layer ", 3, " of '", name, "'").
#pragma once

#include <concepts>
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

}  // namespace etb
