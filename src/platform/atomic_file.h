// A file that appears whole or not at all: written under another name beside its target, synced,
// then renamed over it. Whatever fails before commit() leaves the target as it was.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace etb {

// Where a test makes the disk fail. Each may be empty.
struct DiskFaults {
  // Asked before each write of `bytes`: how many it may take (a short write), or -errno.
  std::function<int64_t(size_t bytes)> before_write;
  // Asked before each sync: 0 or -errno.
  std::function<int64_t()> before_sync;
};

// Who may read it, within what the process's umask allows.
enum class FileReaders { Everybody, Owner };

class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path, DiskFaults faults = {},
                                   FileReaders readers = FileReaders::Everybody);
  ~AtomicFile();  // without a commit, removes what was written
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  // Appends. A full disk is an error that says how much room is needed; short writes are continued.
  Status write(std::span<const uint8_t> bytes);
  Status write(std::string_view text);
  // Does not move the end unless it goes beyond it; a gap reads as zeros.
  Status write_at(uint64_t offset, std::span<const uint8_t> bytes);
  // From now on each `step` bytes are synced as they come, so that few dirty pages pile up and the
  // sync at the end is short. write() then waits for the disk, and may report its error.
  void sync_every(uint64_t step) { sync_step_ = step; }
  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  const std::string& temporary_path() const { return temporary_path_; }

  // Syncs the file, renames it over the target, syncs the folder. Once only.
  Status commit();
  // Renames it only: quick, and after a power cut the file may be damaged. For what can be made
  // again and is checked when it is read.
  Status commit_unsynced();

 private:
  AtomicFile(std::string path, std::string temporary_path, int fd, DiskFaults faults);
  Status write_all(uint64_t offset, std::span<const uint8_t> bytes);
  Status sync(int fd);
  void abandon();

  std::string path_;
  std::string temporary_path_;
  int fd_ = -1;
  uint64_t size_ = 0;
  uint64_t sync_step_ = 0;  // 0: only at the end
  uint64_t unsynced_ = 0;   // bytes since the last step
  DiskFaults faults_;
};

// True for a name that create() gives a file in the making; what a killed process left behind.
bool is_temporary_name(std::string_view file_name);

}  // namespace etb
