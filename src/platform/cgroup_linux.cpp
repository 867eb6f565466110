// /proc/self/cgroup and the files below /sys/fs/cgroup.
#include "platform/cgroup.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/proc_text.h"

namespace etb {
namespace {

constexpr size_t kTextLimit = size_t{1} << 20;  // no file read here comes near it
constexpr int kMostDepth = 64;

std::string text_of(const std::string& path) {
  Result<std::string> text = read_text_file(path, kTextLimit);
  return text.ok() ? std::move(text).value() : std::string();
}

// "max" is no number: no limit.
std::optional<uint64_t> number_in(const std::string& folder, std::string_view name) {
  return leading_number(text_of(join_path(folder, name)));
}

uint64_t field(std::string_view text, std::string_view key) {
  return leading_number(proc_field(text, key)).value_or(0);
}

// Our group in the line of /proc/self/cgroup that lists `controller` ("4:memory:/a/b" for v1), or
// that lists none ("0::/a/b" for v2); empty if there is no such line.
std::string_view group_of(std::string_view text, std::string_view controller) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string list = concat(",", line.substr(first + 1, second - first - 1), ",");
    const bool ours =
        controller.empty() ? list == ",," : list.find(concat(",", controller, ",")) != list.npos;
    if (ours) return line.substr(second + 1);
  }
  return {};
}

uint64_t less(uint64_t bytes, uint64_t taken) {
  return bytes - std::min(bytes, taken);
}

// Both lists of clean file pages; what waits to be written is not droppable yet. Pages of a tmpfs
// and locked ones are on other lists. Never more than what is used: the files are read one after
// another.
uint64_t droppable(std::string_view stat, const CgroupMemory& memory) {
  const std::string prefix = memory.version == 1 ? "total_" : "";
  const std::string dirty = memory.version == 1 ? "total_dirty" : "file_dirty";
  const std::string writeback = memory.version == 1 ? "total_writeback" : "file_writeback";
  const uint64_t files =
      field(stat, prefix + "inactive_file") + field(stat, prefix + "active_file");
  const uint64_t pending = field(stat, dirty) + field(stat, writeback);
  return std::min(less(files, pending), memory.used_bytes);
}

CgroupMemory read_v2(const std::string& folder) {
  CgroupMemory memory;
  memory.version = 2;
  memory.limit_bytes = number_in(folder, "memory.max");
  memory.high_bytes = number_in(folder, "memory.high");
  if (!memory.bound_bytes()) return memory;
  memory.used_bytes = number_in(folder, "memory.current").value_or(0);
  memory.droppable_bytes = droppable(text_of(join_path(folder, "memory.stat")), memory);
  const std::string events = text_of(join_path(folder, "memory.events"));
  memory.events = {field(events, "high"), field(events, "max"), field(events, "oom"),
                   field(events, "oom_kill")};
  return memory;
}

CgroupMemory read_v1(const std::string& folder) {
  CgroupMemory memory;
  memory.version = 1;
  memory.limit_bytes = number_in(folder, "memory.limit_in_bytes");
  if (!memory.bound_bytes()) return memory;
  memory.used_bytes = number_in(folder, "memory.usage_in_bytes").value_or(0);
  memory.droppable_bytes = droppable(text_of(join_path(folder, "memory.stat")), memory);
  memory.events.limit_hits = number_in(folder, "memory.failcnt").value_or(0);
  memory.events.oom_kills = field(text_of(join_path(folder, "memory.oom_control")), "oom_kill");
  return memory;
}

struct Hierarchy {
  int version = 2;
  std::string mount;
  std::string_view group;
};

// Walks from our group to the root and keeps the one with the least room.
void tighten(const Hierarchy& hierarchy, uint64_t machine_bytes,
             std::optional<CgroupMemory>& best) {
  std::string_view group = hierarchy.group;
  for (int depth = 0; depth < kMostDepth; ++depth) {
    while (group.ends_with('/')) group.remove_suffix(1);
    const std::string folder = concat(hierarchy.mount, group);
    CgroupMemory memory = hierarchy.version == 1 ? read_v1(folder) : read_v2(folder);
    memory.group = group.empty() ? "/" : std::string(group);
    // v1 says "no limit" by a number beyond any machine.
    const auto real = [machine_bytes](std::optional<uint64_t>& bound) {
      if (bound && *bound >= machine_bytes) bound.reset();
    };
    real(memory.limit_bytes);
    real(memory.high_bytes);
    const auto room = memory.room_bytes();
    if (room && (!best || *room < *best->room_bytes())) best = std::move(memory);
    if (group.empty()) return;
    group = group.substr(0, group.rfind('/'));
  }
}

}  // namespace

std::optional<uint64_t> CgroupMemory::bound_bytes() const {
  if (limit_bytes && high_bytes) return std::min(*limit_bytes, *high_bytes);
  return limit_bytes ? limit_bytes : high_bytes;
}

uint64_t CgroupMemory::held_bytes() const {
  return less(used_bytes, droppable_bytes);
}

std::optional<uint64_t> CgroupMemory::room_bytes() const {
  const auto bound = bound_bytes();
  return bound ? std::optional(less(*bound, held_bytes())) : std::nullopt;
}

std::optional<CgroupMemory> tightest_cgroup(const std::string& root, uint64_t machine_bytes) {
  std::optional<CgroupMemory> best;
  const std::string groups = text_of(root + "/proc/self/cgroup");
  const std::string mount = root + "/sys/fs/cgroup";
  const std::string_view v2 = group_of(groups, "");
  const std::string_view v1 = group_of(groups, "memory");
  // A name that does not begin at the root is none.
  if (v2.starts_with('/')) tighten({2, mount, v2}, machine_bytes, best);
  if (v1.starts_with('/')) tighten({1, mount + "/memory", v1}, machine_bytes, best);
  return best;
}

std::string own_v2_folder(const std::string& root) {
  const std::string groups = text_of(root + "/proc/self/cgroup");
  std::string_view group = group_of(groups, "");
  if (!group.starts_with('/')) return "";
  while (group.ends_with('/')) group.remove_suffix(1);
  // Beside v1 hierarchies the v2 one is mounted in a folder of its own.
  const std::string unified = root + "/sys/fs/cgroup/unified";
  return concat(is_folder(unified) ? unified : root + "/sys/fs/cgroup", group);
}

}  // namespace etb
