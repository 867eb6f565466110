// memfd_create, and /proc to open a descriptor's file anew.
#include "platform/held_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.h"
#include "platform/os_error_posix.h"

namespace etb {

Result<HeldFile> HeldFile::in_memory(const std::string& name) {
  const int fd = ::memfd_create("etbridge", MFD_CLOEXEC);
  if (fd < 0 && errno == ENOSYS) {
    return Status(StatusCode::Unsupported, "this system keeps no files in memory");
  }
  if (fd < 0) return os_error("make", name, errno);
  return HeldFile(name, fd);
}

Result<HeldFile> HeldFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // never waits on a pipe
  if (fd < 0) return os_error("open", path, errno);
  HeldFile file(path, fd);
  struct stat info {};
  if (::fstat(fd, &info) != 0) return os_error("look at", path, errno);
  if (!S_ISREG(info.st_mode)) return os_error("open", path, EISDIR);
  return file;
}

HeldFile::~HeldFile() {
  if (fd_ >= 0) ::close(fd_);
}

HeldFile::HeldFile(HeldFile&& other) noexcept
    : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)) {}

HeldFile& HeldFile::operator=(HeldFile&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(fd_, other.fd_);
  return *this;
}

std::string HeldFile::path() const {
  return concat("/proc/self/fd/", fd_);
}

Status HeldFile::lock_shared() {
  if (::flock(fd_, LOCK_SH | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return os_error("lock", name_, errno);
  return {StatusCode::Busy, concat("'", name_, "' is locked by another process")};
}

Result<std::shared_ptr<MappedFile>> HeldFile::map() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return os_error("look at", name_, errno);
  return MappedFile::open_fd(fd_, 0, static_cast<uint64_t>(info.st_size), name_);
}

}  // namespace etb
