// Parsing only: no system calls here, so the tests read what was recorded on other machines.
#include "platform/proc_text.h"

#include <charconv>
#include <limits>

namespace etb {

std::string_view proc_field(std::string_view text, std::string_view key) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    const size_t value = line.find_first_not_of(" \t:");
    // "MemFree" must not be found in "MemFreeze".
    if (!line.empty() && value == 0) continue;
    return value == std::string_view::npos ? std::string_view() : line.substr(value);
  }
  return {};
}

std::optional<uint64_t> leading_number(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return std::nullopt;
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + start, end, number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

std::optional<uint64_t> proc_kilobytes(std::string_view text, std::string_view key) {
  const std::optional<uint64_t> number = leading_number(proc_field(text, key));
  if (!number || *number > std::numeric_limits<uint64_t>::max() / 1024) return std::nullopt;
  return *number * 1024;
}

}  // namespace etb
