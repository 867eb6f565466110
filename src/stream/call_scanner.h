// Looks at the JSON of a tool call as it comes, character by character, and tells as soon as it
// cannot be one: {"name": ..., "arguments": {...}}, or an array of such objects. So an answer that
// is other JSON waits no longer than its first strange key. Not the parser: numbers, words and
// escapes may still be wrong in what it lets through.
#pragma once

#include <string>

namespace etb::stream {

class CallScanner {
 public:
  enum class State { Going, Done, Broken };

  // White space may stand before the value. Not to be called once it is Done or Broken.
  State push(char c);

 private:
  enum class Expect { Value, ValueOrEnd, Key, KeyOrEnd, Colon, CommaOrEnd };
  enum class Inside { Nothing, String, Escape, Word };

  bool in_call() const { return open_ == "{" || open_ == "[{"; }
  State in_string(char c);
  State value(char c);
  State begin_string(bool is_key);
  State open(char c);
  State close(char c);
  State after_value();

  std::string open_;  // brackets that are open
  Expect expect_ = Expect::Value;
  Inside inside_ = Inside::Nothing;
  bool is_key_ = false;  // the string that is being read
  std::string key_;      // the last one of a call itself
};

}  // namespace etb::stream
