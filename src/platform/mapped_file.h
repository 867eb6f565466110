// A file mapped read-only and shared: weights are used where they lie, pages are the kernel's to
// drop and read back, and every process on the machine shares them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "platform/files.h"

namespace etb {

class MappedFile {
 public:
  // NotFound, InvalidArgument (folder, no permission) or Corrupt (empty), naming path and remedy.
  static Result<std::shared_ptr<MappedFile>> open(const std::string& path);
  // `length` bytes from `offset` of an open descriptor (Android assets), which stays the caller's
  // and may be closed afterwards. `offset` need not be page-aligned. `name` stands in messages.
  static Result<std::shared_ptr<MappedFile>> open_fd(int fd, uint64_t offset, uint64_t length,
                                                     const std::string& name);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const uint8_t> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }
  const FileIdentity& identity() const { return identity_; }  // as it was when mapped

  // Hints; a range beyond the file is cut to it. Never change what bytes() reads.
  void advise_will_need(size_t offset, size_t length) const;
  void advise_dont_need(size_t offset, size_t length) const;
  // Bytes of the range's pages that are in memory now (whole pages; for tests and reports).
  Result<size_t> resident_bytes(size_t offset, size_t length) const;

 private:
  MappedFile(std::string path, FileIdentity identity)
      : path_(std::move(path)), identity_(identity) {}
  struct PageRange {
    void* start;
    size_t length;
  };
  PageRange pages_of(size_t offset, size_t length) const;

  std::string path_;
  FileIdentity identity_;
  std::span<const uint8_t> bytes_;
  void* mapping_ = nullptr;  // page-aligned, holds bytes_
  size_t mapping_length_ = 0;
};

}  // namespace etb
