// Numbers out of the text files of /proc and /sys. Inside the platform room only, and pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etb {

// The line's text behind "key" and an optional ':' and blanks; empty if there is no such line.
std::string_view proc_field(std::string_view text, std::string_view key);
// The decimal number at the beginning (blanks skipped); nothing if there is none or it overflows.
std::optional<uint64_t> leading_number(std::string_view text);
// proc_field() in bytes where the file says kB.
std::optional<uint64_t> proc_kilobytes(std::string_view text, std::string_view key);

}  // namespace etb
