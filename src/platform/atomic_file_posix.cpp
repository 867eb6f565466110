// pwrite, fsync, rename, fsync of the folder.
#include "platform/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <thread>
#include <utility>

#include "base/text.h"
#include "platform/files.h"
#include "platform/os_error_posix.h"
#include "platform/paths.h"

namespace etb {
namespace {

constexpr std::string_view kPrefix = ".etb-";
constexpr std::string_view kSuffix = ".part";
constexpr uint64_t kSlowToFree = 16 << 20;  // bytes
constexpr int kNameAttempts = 100;  // against names left over by an earlier process of the same id

std::string temporary_name(std::string_view target) {
  static std::atomic<uint64_t> counter{0};  // unique in the process; the id makes it so beyond it
  constexpr size_t kNameKept = 160;         // a name may have 255 bytes in all
  return concat(kPrefix, target.substr(0, kNameKept), "-", ::getpid(), "-", counter.fetch_add(1),
                kSuffix);
}

}  // namespace

bool is_temporary_name(std::string_view name) {
  return name.starts_with(kPrefix) && name.ends_with(kSuffix);
}

AtomicFile::AtomicFile(std::string path, std::string temporary_path, int fd, DiskFaults faults)
    : path_(std::move(path)),
      temporary_path_(std::move(temporary_path)),
      fd_(fd),
      faults_(std::move(faults)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::move(other.temporary_path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      sync_step_(other.sync_step_),
      unsynced_(other.unsynced_),
      faults_(std::move(other.faults_)) {}

AtomicFile::~AtomicFile() {
  abandon();
}

// The name goes at once. The last close frees what was written, which takes the system a second
// for a gigabyte: too long for whoever cancelled.
void AtomicFile::abandon() {
  if (fd_ < 0) return;
  const int fd = std::exchange(fd_, -1);
  ::unlink(temporary_path_.c_str());
  if (size_ < kSlowToFree) {
    ::close(fd);
    return;
  }
  try {
    std::thread([fd] { ::close(fd); }).detach();
  } catch (...) {  // no thread to be had
    ::close(fd);
  }
}

Result<AtomicFile> AtomicFile::create(const std::string& path, DiskFaults faults,
                                      FileReaders readers) {
  const mode_t mode = readers == FileReaders::Owner ? 0600 : 0644;
  if (file_name(path).empty() || is_folder(path)) {
    return os_error("write", path, EISDIR);
  }
  int error = 0;
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    std::string temporary = join_path(folder_of(path), temporary_name(file_name(path)));
    const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0) return AtomicFile(path, std::move(temporary), fd, std::move(faults));
    error = errno;
    if (error != EEXIST) break;
  }
  return os_error("write", path, error);
}

Status AtomicFile::write(std::span<const uint8_t> bytes) {
  return write_at(size_, bytes);
}

Status AtomicFile::write(std::string_view text) {
  return write({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

Status AtomicFile::write_at(uint64_t offset, std::span<const uint8_t> bytes) {
  if (fd_ < 0) {
    return Status(StatusCode::InvalidArgument, concat("'", path_, "' is no longer being written"));
  }
  constexpr uint64_t kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (offset > kLargest || bytes.size() > kLargest - offset) return os_error("write", path_, EFBIG);
  ETB_RETURN_IF_ERROR(write_all(offset, bytes));
  size_ = std::max<uint64_t>(size_, offset + bytes.size());
  unsynced_ += bytes.size();
  if (sync_step_ == 0 || unsynced_ < sync_step_) return {};
  unsynced_ = 0;
  return sync(fd_);
}

Status AtomicFile::write_all(uint64_t offset, std::span<const uint8_t> bytes) {
  constexpr size_t kMost = size_t{1} << 30;  // some systems refuse 2 GiB and more at once
  while (!bytes.empty()) {
    int64_t room = static_cast<int64_t>(std::min(bytes.size(), kMost));
    if (faults_.before_write) room = std::min(room, faults_.before_write(bytes.size()));
    if (room < 0) return os_error("write", path_, static_cast<int>(-room));
    const ssize_t written =
        ::pwrite(fd_, bytes.data(), static_cast<size_t>(room), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error("write", path_, errno);
    if (written == 0) return os_error("write", path_, ENOSPC);  // no progress: never loop on it
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return {};
}

Status AtomicFile::sync(int fd) {
  const int64_t fault = faults_.before_sync ? faults_.before_sync() : 0;
  if (fault < 0) return os_error("write", path_, static_cast<int>(-fault));
  if (::fsync(fd) != 0 && errno != EINVAL) return os_error("write", path_, errno);
  return {};
}

Status AtomicFile::commit() {
  if (fd_ >= 0) ETB_RETURN_IF_ERROR(sync(fd_));
  ETB_RETURN_IF_ERROR(commit_unsynced());
  // The file is in place; a folder that cannot be synced (some network disks) is no reason to fail.
  const int folder = ::open(std::string(folder_of(path_)).c_str(), O_RDONLY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

Status AtomicFile::commit_unsynced() {
  if (fd_ < 0) {
    return Status(StatusCode::InvalidArgument, concat("'", path_, "' is no longer being written"));
  }
  if (::rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    return os_error("write", path_, errno);
  }
  ::close(std::exchange(fd_, -1));
  return {};
}

}  // namespace etb
