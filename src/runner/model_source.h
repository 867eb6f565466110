// What a runner loads: one mapped file, and optionally another program part for it. The program
// part is small (tens of kilobytes); made again for another context, prefill chunk or KV type it
// replaces the file's own while the weights stay where the file has them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "platform/mapped_file.h"

namespace etb::runner {

struct ModelSource {
  std::shared_ptr<const MappedFile> file;
  // Bytes [0, program size) as a file would have them, extended header included, its segment
  // offsets those of `file`. Empty: the file's own.
  std::vector<uint8_t> program{};
  // .ptd files that hold weights of it, by name.
  std::vector<std::shared_ptr<const MappedFile>> data{};
};

}  // namespace etb::runner
