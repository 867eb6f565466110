// Runs the command line's binary as a user would and reports all that a user would see.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace etb::cli_test {

struct Launch {
  std::vector<std::string> arguments = {};  // after the program's name
  std::string input = {};                   // standard input
  uint64_t file_size_limit = 0;  // bytes a written file may have; 0: no limit. As a full disk
  int timeout_seconds = 60;
};

struct Outcome {
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;
  bool timed_out = false;
  std::string out, err;

  std::string summary() const;  // for messages of a failed test
};

// `cache_folder` is where imports of .gguf files land.
Outcome launch(const Launch& what, const std::string& cache_folder);

// The same at a terminal: what a person types and sees. Its history file lies in `cache_folder`.
class Terminal {
 public:
  Terminal(const std::vector<std::string>& arguments, const std::string& cache_folder);
  ~Terminal();  // kills it if it still runs
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // As keys: "\n" enters a line, "\x03" is Ctrl-C, "\x04" Ctrl-D.
  void type(std::string_view keys);
  // True once `text` has appeared after what was waited for before; false if it does not in time.
  bool sees(std::string_view text, int seconds = 60);
  // Waits for the end. -1: a signal ended it, or it had to be killed.
  int exit_code(int seconds = 60);
  const std::string& screen() const { return screen_; }  // all that appeared so far

 private:
  bool read_some(int milliseconds);  // false at the end of the output

  pid_t child_ = -1;
  int screen_fd_ = -1;
  std::string screen_;
  size_t seen_ = 0;  // bytes of screen_ that were waited for
};

}  // namespace etb::cli_test
