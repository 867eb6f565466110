// The room's edge, where an exception becomes a status. Internal to the room.
#pragma once

#include <new>
#include <string_view>

#include "base/status.h"
#include "base/text.h"

namespace etb {

inline Status out_of_memory(std::string_view while_doing) {
  return {StatusCode::OutOfMemory,
          concat("memory ran out while ", while_doing,
                 ": close other sessions, or load the model with a shorter context")};
}

// What `work` returns, a Status or a Result; OutOfMemory if it finds no memory.
template <class Work>
auto or_out_of_memory(std::string_view while_doing, const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return out_of_memory(while_doing);
  }
}

}  // namespace etb
