// mmap(PROT_READ, MAP_SHARED) of a whole file or of a part of a descriptor.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/text.h"
#include "platform/anonymous_memory.h"
#include "platform/mapped_file.h"
#include "platform/os_error_posix.h"
#include "platform/page_residency.h"
#include "platform/stat_posix.h"

namespace etb {

Result<std::shared_ptr<MappedFile>> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // never waits on a pipe
  if (fd < 0) return os_error("open", path, errno);
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    const int error = errno;
    ::close(fd);
    return os_error("look at", path, error);
  }
  Result<std::shared_ptr<MappedFile>> file = Status(StatusCode::Internal, "not mapped");
  if (S_ISDIR(info.st_mode)) {
    file = os_error("open", path, EISDIR);
  } else if (!S_ISREG(info.st_mode)) {
    file = Status(StatusCode::InvalidArgument,
                  concat("cannot map '", path, "': it is no regular file; name a file on a disk"));
  } else {
    file = open_fd(fd, 0, static_cast<uint64_t>(info.st_size), path);
  }
  ::close(fd);
  return file;
}

Result<std::shared_ptr<MappedFile>> MappedFile::open_fd(int fd, uint64_t offset, uint64_t length,
                                                        const std::string& name) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return os_error("look at", name, errno);
  const FileIdentity identity = identity_of(info);
  if (length == 0) {
    return Status(StatusCode::Corrupt, concat("'", name, "' is empty; get the file again"));
  }
  if (offset > identity.size || length > identity.size - offset) {
    return Status(StatusCode::InvalidArgument,
                  concat("'", name, "' has ", identity.size, " bytes, but ", length,
                         " from offset ", offset, " are asked for"));
  }
  const uint64_t slack = offset % page_size();
  if (length > std::numeric_limits<size_t>::max() - slack) return os_error("map", name, ENOMEM);
  std::shared_ptr<MappedFile> file(new MappedFile(name, identity));
  const size_t mapped = static_cast<size_t>(length + slack);
  void* start =
      ::mmap(nullptr, mapped, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(offset - slack));
  if (start == MAP_FAILED) return os_error("map", name, errno);
  file->mapping_ = start;
  file->mapping_length_ = mapped;
  file->bytes_ = {static_cast<const uint8_t*>(start) + slack, static_cast<size_t>(length)};
  return file;
}

MappedFile::~MappedFile() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_length_);
}

MappedFile::PageRange MappedFile::pages_of(size_t offset, size_t length) const {
  offset = std::min(offset, bytes_.size());
  length = std::min(length, bytes_.size() - offset);
  const size_t slack = mapping_length_ - bytes_.size();
  const size_t begin = (offset + slack) / page_size() * page_size();
  const size_t end = offset + slack + length;
  return {static_cast<uint8_t*>(mapping_) + begin, length == 0 ? 0 : end - begin};
}

// Advice may fail (a file system without it): nothing depends on it.
void MappedFile::advise_will_need(size_t offset, size_t length) const {
  const PageRange pages = pages_of(offset, length);
  if (pages.length > 0) ::madvise(pages.start, pages.length, MADV_WILLNEED);
}

void MappedFile::advise_dont_need(size_t offset, size_t length) const {
  const PageRange pages = pages_of(offset, length);
  if (pages.length > 0) ::madvise(pages.start, pages.length, MADV_DONTNEED);
}

Result<size_t> MappedFile::resident_bytes(size_t offset, size_t length) const {
  const PageRange pages = pages_of(offset, length);
  return resident_page_bytes(pages.start, pages.length, path_);
}

}  // namespace etb
