// What the person at the other end sees: colour only on a terminal, a progress bar on stderr, notes
// and errors.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/model_bundle.h"

namespace etb::cli {

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();

// A bar on stderr if that is a terminal; otherwise a line at the start and nothing more.
LoadProgress progress_bar();

// The exit code of a verb that ended so; reports what went wrong. 0, 1, or 130 for Cancelled.
int finish(const Status& status);

double mib(uint64_t bytes);

// "error: ..." on stderr.
void report(const Status& status);
// "[...]" on stderr, in grey where that is a terminal.
void note(std::string_view text);

// What a model thinks before it answers, as it comes: on stderr, in grey where that is a terminal,
// on lines of its own.
class Thoughts {
 public:
  Thoughts() = default;
  ~Thoughts() { end(); }
  Thoughts(const Thoughts&) = delete;
  Thoughts& operator=(const Thoughts&) = delete;
  void show(std::string_view piece);
  void end();  // the answer begins, or there is none

 private:
  bool open_ = false;
};

}  // namespace etb::cli
