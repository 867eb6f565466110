// SentencePiece's precompiled_charsmap: which pieces of text a model's normalisation replaces. The
// bytes are a Darts double array, which maps text to offsets, and the replacements behind it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace etb::token {

class CharsMap {
 public:
  // Corrupt if the lengths in it do not fit. Copies what it needs.
  static Result<CharsMap> parse(std::string_view bytes);

  // Replaces the longest entry at each place. Precondition: valid UTF-8.
  std::string apply(std::string_view text) const;

 private:
  struct Found {
    size_t length = 0;  // 0: none
    uint32_t replacement = 0;
  };
  Found longest_at(std::string_view text) const;

  std::vector<uint32_t> units_;
  std::string replacements_;  // each ends with a zero byte
};

}  // namespace etb::token
