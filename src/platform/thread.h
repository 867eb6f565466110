// What a thread tells the operating system about itself.
#pragma once

#include <string_view>

namespace etb {

enum class ThreadPriority {
  Default,
  UserInitiated,  // somebody is waiting for the result
};

// Names the calling thread in debuggers and profilers. Linux shows 15 bytes: of a dotted label the
// longest run of last parts that fits ("com.executorch.runner" -> "runner").
void name_this_thread(std::string_view label);

// Best effort: a system that does not allow a higher priority leaves it as it is.
void prioritise_this_thread(ThreadPriority priority);

}  // namespace etb
