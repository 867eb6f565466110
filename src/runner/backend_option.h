// One option of a backend, as it is spelled: XnnpackBackend, workspace_sharing_mode, 1.
#pragma once

#include <string>

namespace etb::runner {

inline constexpr const char* kXnnpack = "XnnpackBackend";

struct BackendOption {
  std::string backend, key, value;
  bool operator==(const BackendOption&) const = default;
};

}  // namespace etb::runner
