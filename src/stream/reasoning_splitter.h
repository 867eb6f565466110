// Parts what a model thinks from what it says. An answer may begin with reasoning between two tags
// ("<think>" and "</think>"), white space around them aside; anything else is text, also tags that
// come later. Tags may be split over pieces in any way; only what may still become one is held
// back, and white space that may turn out to stand before one.
#pragma once

#include <string>
#include <string_view>

namespace etb::stream {

struct ReasoningTags {
  std::string open, close;     // both empty: the model does not reason, all is text
  bool starts_inside = false;  // the prompt has opened it already
};

class ReasoningSplitter {
 public:
  // What became certain; the reasoning comes before the text.
  struct Parts {
    std::string reasoning;  // without white space at its ends
    std::string text;
  };

  explicit ReasoningSplitter(ReasoningTags tags);

  Parts push(std::string_view piece);
  // The input is over: what was held back leaves.
  Parts finish();

  // Between the tags.
  bool inside() const { return state_ == State::Lead || state_ == State::Inside; }

 private:
  enum class State {
    Start,   // nothing but white space and perhaps a part of the open tag
    Lead,    // after the open tag: white space goes
    Inside,  // in the reasoning
    Gap,     // after the close tag: white space goes
    Text,
  };
  // Takes what it can from held_; false if it has to wait for more.
  bool advance(Parts& parts);
  bool at_start(Parts& parts);
  bool in_reasoning(Parts& parts);
  bool skip_space(State next);

  ReasoningTags tags_;
  State state_;
  std::string held_;
};

}  // namespace etb::stream
