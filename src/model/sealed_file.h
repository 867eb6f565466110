// A file of the cache folder that is trusted only as far as its seal: behind what it holds stand a
// magic, a key over what it was made of, and XXH3-64 of all bytes but that number's own. It appears
// whole or not at all, so that several processes may make it at once; what a power cut, a bad disk
// or another program does to it is found when it is opened. (The sum is no signature: whoever reads
// the content still checks what it points to.)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace etb::model {

struct Seal {
  std::string_view magic;  // eight characters: who wrote it
  uint64_t key = 0;        // what it was made of
};

struct SealedParts {
  std::span<const std::span<const uint8_t>> content;  // one behind the other
  std::span<const uint8_t> tail = {};  // behind the seal, for whoever looks at a file's end
};

// What stands before the seal of a file whose tail has `tail_bytes`. Corrupt says what is wrong, as
// in "it is cut short".
Result<std::span<const uint8_t>> open_sealed(std::span<const uint8_t> file, const Seal& seal,
                                             size_t tail_bytes = 0);

// Writes `folder`/`name`, readable by the user alone; makes the folder if there is none, and drops
// from it what it need not keep (model/cache_files.h).
Status keep_sealed(const std::string& folder, const std::string& name, const Seal& seal,
                   const SealedParts& parts);

}  // namespace etb::model
