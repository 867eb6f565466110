#include "line_reader.h"

#include <langinfo.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <memory>
#include <utility>

#ifdef ETB_HAVE_LIBEDIT
#include <editline/readline.h>
#endif

#include "base/text.h"
#include "interrupt.h"
#include "terminal.h"

namespace etb::cli {
namespace {

// Creates each missing folder of the path; what cannot be made shows when the file is written.
void make_folder_and_parents(const std::string& folder) {
  for (size_t slash = folder.find('/', 1); slash != std::string::npos;
       slash = folder.find('/', slash + 1)) {
    mkdir(folder.substr(0, slash).c_str(), 0700);
  }
  mkdir(folder.c_str(), 0700);
}

#ifdef ETB_HAVE_LIBEDIT
LineReader* edited = nullptr;  // libedit's callback is told nothing else

// The editor drops the characters that the locale does not have.
void use_utf8() {
  for (const char* name : {"", "C.UTF-8", "en_US.UTF-8"}) {
    if (std::setlocale(LC_CTYPE, name) && std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return;
  }
}

// The next character, -1 at the end or when a signal came.
int next_character(FILE*) {
  const int lead = edited->next_byte();
  constexpr int kCtrlD = 4;
  if (lead == 0) return kCtrlD;  // so it is read if it was typed before the editor was at it
  if (lead < 0) return lead;
  constexpr size_t kMore = static_cast<size_t>(-2);  // the character goes on
  constexpr int kReplacement = 0xFFFD;
  std::mbstate_t state = {};
  wchar_t character = 0;
  char byte = static_cast<char>(lead);
  size_t used = 0;
  while ((used = std::mbrtowc(&character, &byte, 1, &state)) == kMore) {
    const int next = edited->next_byte();
    if (next < 0) return -1;
    byte = static_cast<char>(next);
  }
  return used == 1 ? static_cast<int>(character) : kReplacement;
}
#endif

}  // namespace

LineReader::LineReader() : interactive_(stdin_is_terminal()) {
#ifdef ETB_HAVE_LIBEDIT
  if (!interactive_) return;
  use_utf8();
  edited = this;
  rl_getc_function = next_character;
  const char* home = std::getenv("HOME");
  if (!home || !*home) return;
  const char* state = std::getenv("XDG_STATE_HOME");
  const std::string folder = state && *state ? state : concat(home, "/.local/state");
  using_history();
  stifle_history(1000);
  const std::string own = folder + "/etbridge";
  make_folder_and_parents(own);
  history_path_ = own + "/history";
  read_history(history_path_.c_str());
#endif
}

LineReader::~LineReader() {
#ifdef ETB_HAVE_LIBEDIT
  if (!history_path_.empty()) write_history(history_path_.c_str());
#endif
}

std::optional<std::string> LineReader::read(const char* prompt) {
  InterruptScope::forget();
  while (true) {
    interrupted_ = false;
    std::optional<std::string> line = interactive_ ? edit(prompt) : next_line();
    if (InterruptScope::terminated()) return std::nullopt;
    if (line || !interrupted_) return line;
    InterruptScope::forget();  // Ctrl-C, not the end of the input: a fresh line
    if (!interactive_) continue;
    std::fputs("\n", stdout);
    std::fflush(stdout);
    if (!std::exchange(told_how_to_leave_, true)) note("Ctrl-D or /quit leaves");
  }
}

std::optional<std::string> LineReader::edit(const char* prompt) {
#ifdef ETB_HAVE_LIBEDIT
  const std::unique_ptr<char, decltype(&std::free)> line(readline(prompt), &std::free);
  if (!line || interrupted_) return std::nullopt;
  std::string text(line.get());
  if (!text.empty()) add_history(text.c_str());
  return text;
#else
  std::fputs(prompt, stdout);
  std::fflush(stdout);
  return next_line();
#endif
}

std::optional<std::string> LineReader::next_line() {
  std::string text;
  int byte = next_byte();
  if (byte < 0) return std::nullopt;
  for (; byte >= 0 && byte != '\n'; byte = next_byte()) text.push_back(static_cast<char>(byte));
  if (interrupted_) return std::nullopt;
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

int LineReader::next_byte() {
  if (next_ < bytes_.size()) return static_cast<unsigned char>(bytes_[next_++]);
  if (!InterruptScope::wait_for_input(STDIN_FILENO)) {
    interrupted_ = true;
    return -1;
  }
  // Of a terminal only what is asked for: what follows may be for another who reads it.
  char buffer[4096];
  ssize_t count = 0;
  do {
    count = ::read(STDIN_FILENO, buffer, interactive_ ? 1 : sizeof buffer);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return -1;
  bytes_.assign(buffer, static_cast<size_t>(count));
  next_ = 1;
  return static_cast<unsigned char>(bytes_[0]);
}

}  // namespace etb::cli
