// Cuts a stream of text at the first stop string. "First" is the one that is complete first; of
// those that are complete at the same character, the longest. What may still become a stop string
// is held back, and nothing else, so that no character of a stop string ever leaks and nothing
// waits in vain.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etb::stream {

class StopFilter {
 public:
  // Empty strings are ignored.
  explicit StopFilter(std::vector<std::string> stops);

  // Appends to `out` what is certain to be outside a stop string. True once a stop string is
  // complete: then everything before it has left, and later pushes append nothing.
  bool push(std::string_view text, std::string& out);
  // The input is over: what was held back leaves (unless stopped).
  void finish(std::string& out);

  bool stopped() const { return stopped_; }
  // The stop string that ended the stream; empty while not stopped.
  const std::string& matched() const { return matched_; }

 private:
  size_t longest_possible_prefix() const;

  std::vector<std::string> stops_;
  std::string held_;  // not yet emitted; a suffix of it is a prefix of a stop string
  std::string matched_;
  bool stopped_ = false;
};

}  // namespace etb::stream
