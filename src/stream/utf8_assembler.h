// Bytes in, whole UTF-8 out. Tokens may end in the middle of a character; what leaves here never
// does. At most 3 bytes are held back. Bytes that can never become a character leave as U+FFFD, one
// for each maximal ill-formed part (Unicode 15, table 3-8), so any split of the input gives the
// same output.
#pragma once

#include <string>
#include <string_view>

namespace etb::stream {

class Utf8Assembler {
 public:
  // Appends to `out` every character that `bytes` completes.
  void push(std::string_view bytes, std::string& out);
  // The input is over: an unfinished character leaves as U+FFFD.
  void finish(std::string& out);
  size_t held_bytes() const { return held_.size(); }

 private:
  std::string held_;  // a proper prefix of one well-formed character
};

}  // namespace etb::stream
