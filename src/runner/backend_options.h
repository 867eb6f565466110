// Options for the backends that a stock file is delegated to, passed on by name: each backend knows
// its own and passes over others.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <executorch/runtime/backend/backend_options_map.h>

#include "base/status.h"
#include "runner/backend_option.h"

namespace etb::runner {

class BackendOptions {
 public:
  // "true" and "false" become truth values, whole numbers integers, all else text. The last value
  // of a key holds. InvalidArgument: a name too long for the runtime, or too many backends.
  Status set(const BackendOption& option);
  bool has(const std::string& backend, std::string_view key) const;
  // Ok if each backend with options is among `used`, those that the file names.
  Status check_used(const std::vector<std::string>& used) const;

  // Null if there are none. Refers to this object: valid until it goes or changes.
  const executorch::runtime::LoadBackendOptionsMap* map() const;

 private:
  std::map<std::string, std::vector<executorch::runtime::BackendOption>, std::less<>> options_;
  executorch::runtime::LoadBackendOptionsMap map_;
};

}  // namespace etb::runner
