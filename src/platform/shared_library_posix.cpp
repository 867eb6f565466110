// dlopen, as Linux, Android and Apple have it.
#include <dlfcn.h>

#include "base/text.h"
#include "platform/shared_library.h"

namespace etb {

Status load_shared_library(const std::string& file_name) {
  if (::dlopen(file_name.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return {};
  const char* const reason = ::dlerror();
  return {StatusCode::NotFound,
          concat("cannot load '", file_name, "': ", reason == nullptr ? "unknown" : reason)};
}

}  // namespace etb
