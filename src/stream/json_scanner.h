// Looks at JSON as it comes, character by character, and tells as soon as it is none, or not of its
// shape. So an answer that is other JSON waits no longer than its first strange key. Not the
// parser: numbers, words and escapes may still be wrong in what it lets through.
#pragma once

#include <string>

#include "stream/scan.h"

namespace etb::stream {

class JsonScanner {
 public:
  enum class Shape {
    Calls,   // {"name": ..., "arguments": {...}}, or an array of such objects
    Object,  // any
  };
  explicit JsonScanner(Shape shape) : shape_(shape) {}

  // White space may stand before the value. Not to be called once it is Done or Broken.
  Scan push(char c);

 private:
  enum class Expect { Value, ValueOrEnd, Key, KeyOrEnd, Colon, CommaOrEnd };
  enum class Inside { Nothing, String, Escape, Word };

  bool in_call() const { return shape_ == Shape::Calls && (open_ == "{" || open_ == "[{"); }
  Scan in_string(char c);
  Scan value(char c);
  Scan begin_string(bool is_key);
  Scan open(char c);
  Scan close(char c);
  Scan after_value();

  Shape shape_;
  std::string open_;  // brackets that are open
  Expect expect_ = Expect::Value;
  Inside inside_ = Inside::Nothing;
  bool is_key_ = false;  // the string that is being read
  std::string key_;      // the last one of a call itself
};

}  // namespace etb::stream
