// The runtime's process-wide side: started once, its log routed to ours, its error numbers turned
// into statuses that say what was being done, what the runtime said about it, and the remedy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <executorch/runtime/core/error.h>

#include "base/status.h"

namespace etb::runner {

// Registers our log hook and starts the runtime; before any other call into it. Cheap, thread-safe.
void ensure_runtime();

// While one lives, what the runtime logs at error level on this thread is kept here (bounded) and
// passed on at debug level only: the caller puts it into the status it returns. Nests; the
// innermost one keeps.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // Called by the hook.
  void add(std::string_view line);

  const std::vector<std::string>& lines() const { return lines_; }
  // Operators the runtime found no kernel for, each once, in the order of the program.
  const std::vector<std::string>& missing_operators() const { return missing_operators_; }

 private:
  LogCapture* outer_;
  std::vector<std::string> lines_;
  std::vector<std::string> missing_operators_;
};

// Where an error came up decides what it means.
enum class RuntimeStep { LoadProgram, LoadMethod, Execute };

// `doing` names file and method: "model.pte: method 'forward'". Precondition: error != Ok.
Status runtime_status(RuntimeStep step, executorch::runtime::Error error, std::string_view doing,
                      const LogCapture& capture);

// "'a', 'b' and 3 more": for messages that name many things.
std::string name_list(const std::vector<std::string>& names);

}  // namespace etb::runner
