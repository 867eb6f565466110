// struct stat -> FileIdentity. Inside the platform room only.
#pragma once

#include <sys/stat.h>

#include "platform/files.h"

namespace etb {

inline FileIdentity identity_of(const struct stat& info) {
#ifdef __APPLE__
  const struct timespec& time = info.st_mtimespec;
#else
  const struct timespec& time = info.st_mtim;
#endif
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  return {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
          static_cast<uint64_t>(info.st_size),
          static_cast<int64_t>(time.tv_sec) * kNsPerSecond + static_cast<int64_t>(time.tv_nsec)};
}

}  // namespace etb
