// The file system as the project needs it: who a file is, what is in a folder, how much room is
// left.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace etb {

// Equal identities: the same file, not written to in between (as far as its time stamp tells).
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;  // since 1970
  bool operator==(const FileIdentity&) const = default;
};

struct FolderEntry {
  std::string name;  // without the folder
  FileIdentity identity;
};

Result<FileIdentity> file_identity(const std::string& path);
bool is_folder(const std::string& path);
// Regular files in the folder itself, sorted by name. NotFound if there is no such folder.
Result<std::vector<FolderEntry>> list_files(const std::string& folder);
// Ok also if it was not there.
Status remove_file(const std::string& path);
// The folder and all above it; new ones are private to the user (0700).
Status make_folders(const std::string& folder);
// What this user may still write to the disk that holds `path` (a file or folder that exists).
Result<uint64_t> free_disk_bytes(const std::string& path);
// A whole small text file; Unsupported above `limit` bytes. For files whose size is not known
// beforehand too (/proc).
Result<std::string> read_text_file(const std::string& path, size_t limit);

}  // namespace etb
