// Looks at the body of a tool call as it comes, character by character, and tells as soon as it
// cannot be one. So text that only begins like a call waits no longer than its first strange
// character. Not the parser: what it lets through may still be wrong in its details.
#pragma once

#include <cstddef>
#include <string>

#include "stream/json_scanner.h"
#include "stream/tag_scanner.h"

namespace etb::stream {

// How a family writes its calls: a body between two marks, white space around it aside. The body is
// JSON as JsonScanner::Shape::Calls has it, or, where `json` is not empty, a name, perhaps `id` and
// an id, then `json` and the arguments as a JSON object; or tags.
struct CallMarks {
  std::string open = {};           // empty: no calls are looked for, all is text
  std::string close = {};          // empty: a call ends with its body
  std::string id = {}, json = {};  // begin with no character of a name
  bool tagged = false;             // the body is as TagScanner has it
  bool bare = false;               // an answer that begins with the body is a call without a mark
  bool single = false;             // at most one call an answer: what follows is text
  size_t most_bytes = size_t{64} << 10;  // of what follows `open`; more is no call
};

class CallScanner {
 public:
  // `marks` outlives it.
  explicit CallScanner(const CallMarks& marks);

  // White space may stand before the body. Not to be called once it is Done or Broken.
  Scan push(char c);

 private:
  Scan in_head(char c);

  const CallMarks* marks_;
  JsonScanner json_;
  TagScanner tags_;
  // Before `json`: the name or the id that is being read, and what came of the mark behind it.
  bool in_head_, has_id_ = false;
  std::string word_, mark_;
};

}  // namespace etb::stream
