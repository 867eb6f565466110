// Looks at a tool call that is written in tags, white space between them aside:
//
//   <function=NAME>
//   <parameter=KEY>
//   VALUE
//   </parameter>
//   </function>
//
// A value is any text up to the first "</parameter>": the form has no escapes, so one that holds
// that tag itself breaks the call.
#pragma once

#include <string>
#include <string_view>

#include "stream/scan.h"

namespace etb::stream {

inline constexpr std::string_view kFunctionTag = "<function=", kFunctionEnd = "</function>";
inline constexpr std::string_view kParameterTag = "<parameter=", kParameterEnd = "</parameter>";

class TagScanner {
 public:
  // White space may stand before the first tag. Not to be called once it is Done or Broken.
  Scan push(char c);

 private:
  enum class At { Function, Name, Between, Key, Value };
  Scan in_tag(char c);
  Scan in_name(char c);
  Scan in_value(char c);

  At at_ = At::Function;
  std::string seen_;  // of a tag or a name; of a value the end
};

}  // namespace etb::stream
