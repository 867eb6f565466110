// The person at the other end: colour only on a terminal, a progress bar on stderr, lines with
// editing and history, and Ctrl-C, which stops the answer and not the program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "engine/model_bundle.h"

namespace etb::cli {

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();

// While alive, Ctrl-C (and SIGTERM) sets the token current at that moment; the handler before it
// comes back.
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
};

// Reads prompts: with editing and history on a terminal, plain lines otherwise.
class LineReader {
 public:
  LineReader();
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  // nullopt at the end of the input.
  std::optional<std::string> read(const char* prompt);

 private:
  std::optional<std::string> edit(const char* prompt);
  std::optional<std::string> next_line();

  bool interactive_;
  bool told_how_to_leave_ = false;  // at the first Ctrl-C
  std::string history_path_;
};

// A bar on stderr if that is a terminal; otherwise a line at the start and nothing more.
LoadProgress progress_bar();

// The exit code of a verb that ended so; reports what went wrong. 0, 1, or 130 for Cancelled.
int finish(const Status& status);

double mib(uint64_t bytes);

// "error: ..." on stderr.
void report(const Status& status);
// "[...]" on stderr, in grey where that is a terminal.
void note(std::string_view text);

}  // namespace etb::cli
