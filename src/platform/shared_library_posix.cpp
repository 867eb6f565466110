// dlopen, as Linux, Android and Apple have it.
#include <dlfcn.h>

#include "base/text.h"
#include "platform/paths.h"
#include "platform/shared_library.h"

namespace etb {

Status load_shared_library(const std::string& file_name, const void* neighbour) {
  constexpr int kHow = RTLD_NOW | RTLD_LOCAL;
  if (::dlopen(file_name.c_str(), kHow) != nullptr) return {};
  Dl_info found{};
  if (::dladdr(neighbour, &found) != 0 && found.dli_fname != nullptr) {
    const std::string path = join_path(folder_of(found.dli_fname), file_name);
    if (::dlopen(path.c_str(), kHow) != nullptr) return {};
  }
  const char* const reason = ::dlerror();
  return {StatusCode::NotFound,
          concat("cannot load '", file_name, "': ", reason == nullptr ? "unknown" : reason)};
}

}  // namespace etb
