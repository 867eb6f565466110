// What the scanners of tool calls share.
#pragma once

#include <cstddef>
#include <string_view>

namespace etb::stream {

enum class Scan { Going, Done, Broken };

inline constexpr size_t kMostNameBytes = 128;  // of a tool, an argument, an id; real ones have 64

inline bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// May stand in the name of a tool or in an id: nothing that marks, JSON and tags are made of.
inline bool is_name_character(char c) {
  constexpr std::string_view kOthers = "\"'<>[]{}()`\\,;|\x7F";
  return static_cast<unsigned char>(c) > ' ' && kOthers.find(c) == std::string_view::npos;
}

}  // namespace etb::stream
