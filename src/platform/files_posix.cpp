// stat, opendir, unlink, mkdir, statvfs.
#include "platform/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/text.h"
#include "platform/os_error_posix.h"
#include "platform/paths.h"
#include "platform/stat_posix.h"

namespace etb {

Result<FileIdentity> file_identity(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return os_error("look at", path, errno);
  return identity_of(info);
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<std::vector<FolderEntry>> list_files(const std::string& folder) {
  struct Closer {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::unique_ptr<DIR, Closer> dir(::opendir(folder.c_str()));
  if (dir == nullptr) return os_error("list", folder, errno);
  std::vector<FolderEntry> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    struct stat info {};
    const bool there = ::fstatat(::dirfd(dir.get()), entry->d_name, &info, 0) == 0;
    if (there && S_ISREG(info.st_mode)) entries.push_back({entry->d_name, identity_of(info)});
    errno = 0;  // a file that went away in between is none of ours
  }
  if (errno != 0) return os_error("list", folder, errno);
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_error("remove", path, errno);
  return {};
}

Status make_folders(const std::string& folder) {
  if (folder.empty()) return Status(StatusCode::InvalidArgument, "a folder needs a name");
  for (size_t end = folder.find('/', 1); true; end = folder.find('/', end + 1)) {
    const std::string part = folder.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST && !is_folder(part)) {
      return os_error("make the folder", part, errno);
    }
    if (end == std::string::npos) break;
  }
  if (!is_folder(folder)) return os_error("make the folder", folder, ENOTDIR);
  return {};
}

Result<uint64_t> free_disk_bytes(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0)
    return os_error("ask for the free space at", path, errno);
  return static_cast<uint64_t>(info.f_bavail) * static_cast<uint64_t>(info.f_frsize);
}

Result<std::string> read_text_file(const std::string& path, size_t limit) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return os_error("open", path, errno);
  std::string text;
  char chunk[16384];
  int error = 0;
  while (text.size() <= limit) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    text.append(chunk, static_cast<size_t>(got));
  }
  ::close(fd);
  if (error != 0) return os_error("read", path, error);
  if (text.size() > limit) {
    return Status(StatusCode::Unsupported,
                  concat("'", path, "' is larger than the ", limit, " bytes allowed for it"));
  }
  return text;
}

}  // namespace etb
