// The lines that are typed, with editing and history, or piped in.
#pragma once

#include <optional>
#include <string>

namespace etb::cli {

// Reads prompts: with editing and history on a terminal, plain lines otherwise. One at a time, and
// nobody else reads the standard input meanwhile. Lines are UTF-8 whatever the locale.
class LineReader {
 public:
  LineReader();
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  // nullopt at the end of the input, and when SIGTERM came. Ctrl-C begins the line anew.
  std::optional<std::string> read(const char* prompt);
  // The next byte, or -1 at the end of the input or when a signal came.
  int next_byte();

 private:
  std::optional<std::string> edit(const char* prompt);
  std::optional<std::string> next_line();

  bool interactive_;
  bool interrupted_ = false;        // the wait for the current line
  bool told_how_to_leave_ = false;  // at the first Ctrl-C
  std::string bytes_;               // read from the input, used up to next_
  size_t next_ = 0;
  std::string history_path_;
};

}  // namespace etb::cli
