// /proc/pressure/memory and a group's memory.pressure: "some avg10=1.20 avg60=0.40 avg300=0.10
// total=1234" and the same for "full".
#include "platform/memory_pressure.h"

#include <algorithm>
#include <string_view>

#include "platform/files.h"
#include "platform/paths.h"
#include "platform/proc_text.h"

namespace etb {
namespace {

constexpr size_t kTextLimit = size_t{1} << 16;

// What stands behind "key=" in a line; empty if it is not there.
std::string_view behind(std::string_view line, std::string_view key) {
  const size_t at = line.find(key);
  if (at == line.npos) return {};
  const std::string_view rest = line.substr(at + key.size());
  return rest.starts_with('=') ? rest.substr(1) : std::string_view();
}

// "12.34" percent; what is no number from 0 to 100 counts as 0.
double percent(std::string_view text) {
  const std::optional<uint64_t> whole = leading_number(text);
  if (!whole || *whole > 100) return 0;
  const size_t dot = text.find_first_not_of("0123456789");
  double value = static_cast<double>(*whole);
  if (dot == text.npos || text[dot] != '.') return value;
  double unit = 1;
  for (size_t i = dot + 1; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    unit /= 10;
    value += unit * (text[i] - '0');
  }
  return std::min(value, 100.0);
}

StallShare share_of(std::string_view line) {
  return {percent(behind(line, "avg10")), percent(behind(line, "avg60")),
          leading_number(behind(line, "total")).value_or(0)};
}

std::optional<MemoryStall> stall_in(const std::string& path) {
  const Result<std::string> text = read_text_file(path, kTextLimit);
  return text.ok() ? parse_stall(*text) : std::nullopt;
}

}  // namespace

std::optional<MemoryStall> parse_stall(std::string_view text) {
  // proc_field() ends at the line's end; a line begins with its name.
  const std::string_view some = proc_field(text, "some");
  if (behind(some, "avg10").empty()) return std::nullopt;
  return MemoryStall{share_of(some), share_of(proc_field(text, "full"))};
}

MemoryPressure memory_pressure(const std::string& root, uint64_t machine_bytes) {
  MemoryPressure pressure;
  pressure.machine = stall_in(root + "/proc/pressure/memory");
  const std::string folder = own_v2_folder(root);
  if (!folder.empty()) pressure.group = stall_in(join_path(folder, "memory.pressure"));
  pressure.cgroup = tightest_cgroup(root, machine_bytes);
  return pressure;
}

}  // namespace etb
