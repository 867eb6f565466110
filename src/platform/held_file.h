// A file that the process keeps open, with a path that opens the same file anew whatever happens to
// its name: for libraries that take paths only.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "platform/mapped_file.h"

namespace etb {

class HeldFile {
 public:
  // An empty file in memory, under no name; gone with its last user. `name` stands in messages.
  // Unsupported where the system has no such thing.
  static Result<HeldFile> in_memory(const std::string& name);
  // A regular file, for reading. NotFound, InvalidArgument, naming the path.
  static Result<HeldFile> open(const std::string& path);
  ~HeldFile();
  HeldFile(HeldFile&& other) noexcept;
  HeldFile& operator=(HeldFile&& other) noexcept;

  // "/proc/self/fd/5". Valid in this process while this lives.
  std::string path() const;
  // Until this goes: others, in this process too, may still lock it shared, but not exclusively.
  // Busy if somebody has it exclusively now. Advisory (flock).
  Status lock_shared();
  // As large as it is now. Corrupt if it is empty.
  Result<std::shared_ptr<MappedFile>> map() const;

 private:
  HeldFile(std::string name, int fd) : name_(std::move(name)), fd_(fd) {}

  std::string name_;
  int fd_ = -1;
};

}  // namespace etb
