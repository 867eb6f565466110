// What one template may use up. Templates come from model files: they are hostile until proved
// tame.
#pragma once

#include <cstddef>
#include <cstdint>

namespace etb::prompt::jinja {

struct Limits {
  size_t template_bytes = size_t{1} << 20;  // source
  uint32_t syntax_depth = 100;              // nested tags and expressions in the source
  uint32_t call_depth =
      400;  // nested evaluation steps, macro calls included: under 512 KiB of stack
  uint64_t steps = 20'000'000;  // evaluation steps; copying or comparing 32 bytes is one
  size_t output_bytes = size_t{16} << 20;
  size_t string_bytes = size_t{16} << 20;     // one string
  size_t list_items = 1'000'000;              // one list or dictionary
  uint64_t live_bytes = uint64_t{128} << 20;  // all values held at one moment
};

// Longest range(), as jinja2's sandbox has it.
inline constexpr int64_t kMaxRange = 100'000;

}  // namespace etb::prompt::jinja
