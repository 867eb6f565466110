// Parts the tool calls of an answer from its text. A call is a body behind a mark, perhaps with
// another mark behind it, or - in some families - the body alone with which an answer begins.
// Marks may be split over pieces in any way. Text is held back only while it may become a mark, is
// the white space before one, or goes on as a call could; what turns out to be none comes out as
// the text it is. Nothing is lost but the white space around calls.
//
// What stands inside of something that turned out to be no call is never looked at again: no call
// comes out of a string of another one.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "stream/call_scanner.h"

namespace etb::stream {

class CallSplitter {
 public:
  struct Part {
    bool is_call = false;
    std::string text;  // of a call: its body
    bool operator==(const Part&) const = default;
  };
  // Has the last word on whether some body is a call. May be empty: then it is.
  using Accepts = std::function<bool(std::string_view body)>;

  CallSplitter(CallMarks marks, Accepts accepts);
  CallSplitter(const CallSplitter&) = delete;
  CallSplitter& operator=(const CallSplitter&) = delete;

  // What became certain, in order; no part is empty.
  std::vector<Part> push(std::string_view piece);
  // The input is over: what was held back leaves, a call that is cut short as text.
  std::vector<Part> finish();

 private:
  enum class State {
    Start,  // bare: nothing but white space yet
    Text,
    Body,   // from an open mark on
    Close,  // the body is whole, the close mark is not
  };
  using Parts = std::vector<Part>;

  // Each takes what it can from held_; false if it has to wait for more.
  bool advance(Parts& parts);
  bool at_start();
  bool in_text(Parts& parts);
  bool in_body(Parts& parts);
  bool in_close(Parts& parts);

  void begin(size_t before);
  bool take_call(size_t end, Parts& parts);
  bool no_call(size_t end, Parts& parts);
  void emit_text(size_t length, Parts& parts);

  const CallMarks marks_;
  const Accepts accepts_;
  State state_;
  std::string held_;
  // While a call is read, in held_: where it begins behind its white space and mark, where its
  // body ends, and what is looked at next.
  size_t body_ = 0, body_end_ = 0, at_ = 0;
  CallScanner scanner_;
  bool searching_ = true;    // calls may still come
  bool after_call_ = false;  // a call was the last to leave
};

}  // namespace etb::stream
