// Ctrl-C, which stops the answer and not the program, and SIGTERM.
#pragma once

#include "base/cancel.h"

namespace etb::cli {

// While alive, Ctrl-C (and SIGTERM) sets the token current at that moment; the handler before it
// comes back. One at a time.
class InterruptScope {
 public:
  explicit InterruptScope(CancelToken* token);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // The token a Ctrl-C cancels from now on; null: it only interrupts the line being edited.
  static void set_token(CancelToken* token);
  // SIGTERM came: end the program after what is being done.
  static bool terminated();
  // What was pressed until now does not end a wait for input.
  static void forget();
  // Waits until `fd` has bytes or is at its end. False: a signal came, whenever since forget().
  static bool wait_for_input(int fd);
};

}  // namespace etb::cli
