#include "terminal.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#ifdef ETB_HAVE_LIBEDIT
#include <editline/readline.h>
#endif

#include "base/text.h"

namespace etb::cli {
namespace {

std::atomic<CancelToken*> current_token{nullptr};
volatile sig_atomic_t line_interrupted = 0;  // Ctrl-C while a line was being typed
volatile sig_atomic_t asked_to_end = 0;      // SIGTERM: the program, not only the answer
struct sigaction previous_int, previous_term;

void on_interrupt(int signal_number) {
  line_interrupted = 1;
  if (signal_number == SIGTERM) asked_to_end = 1;
  if (CancelToken* token = current_token.load()) token->cancel();
}

// Creates each missing folder of the path; what cannot be made shows when the file is written.
void make_folder_and_parents(const std::string& folder) {
  for (size_t slash = folder.find('/', 1); slash != std::string::npos;
       slash = folder.find('/', slash + 1)) {
    mkdir(folder.substr(0, slash).c_str(), 0700);
  }
  mkdir(folder.c_str(), 0700);
}

void print_bar(std::string_view stage, uint64_t done, uint64_t total) {
  constexpr int kWidth = 30;
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
  const int filled = static_cast<int>(share * kWidth);
  std::string bar(static_cast<size_t>(filled), '#');
  bar.resize(kWidth, '.');
  std::fprintf(stderr, "\r%.*s [%s] %3d %%", static_cast<int>(stage.size()), stage.data(),
               bar.c_str(), static_cast<int>(share * 100));
  if (done >= total) std::fputc('\n', stderr);
  std::fflush(stderr);
}

}  // namespace

bool stdin_is_terminal() {
  return isatty(STDIN_FILENO) != 0;
}
bool stdout_is_terminal() {
  return isatty(STDOUT_FILENO) != 0;
}
bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) != 0;
}

InterruptScope::InterruptScope(CancelToken* token) {
  current_token = token;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_int);
  sigaction(SIGTERM, &action, &previous_term);
}

InterruptScope::~InterruptScope() {
  sigaction(SIGINT, &previous_int, nullptr);
  sigaction(SIGTERM, &previous_term, nullptr);
  current_token = nullptr;
}

void InterruptScope::set_token(CancelToken* token) {
  current_token = token;
}

bool InterruptScope::terminated() {
  return asked_to_end != 0;
}

LineReader::LineReader() : interactive_(stdin_is_terminal()) {
#ifdef ETB_HAVE_LIBEDIT
  if (!interactive_) return;
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
  while (true) {
    line_interrupted = 0;
    std::optional<std::string> line = interactive_ ? edit(prompt) : next_line();
    if (line || asked_to_end || !line_interrupted) return line;
    std::cin.clear();  // Ctrl-C, not the end of the input: a fresh line
    if (!interactive_) continue;
    std::fputs("\n", stdout);
    std::fflush(stdout);
    if (!std::exchange(told_how_to_leave_, true)) note("Ctrl-D or /quit leaves");
  }
}

std::optional<std::string> LineReader::edit(const char* prompt) {
#ifdef ETB_HAVE_LIBEDIT
  const std::unique_ptr<char, decltype(&std::free)> line(readline(prompt), &std::free);
  if (!line) return std::nullopt;
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
  if (!std::getline(std::cin, text)) return std::nullopt;
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

LoadProgress progress_bar() {
  if (!stderr_is_terminal()) {
    auto said = std::make_shared<bool>(false);
    return [said](std::string_view stage, uint64_t, uint64_t) {
      if (!std::exchange(*said, true)) {
        std::fprintf(stderr, "%.*s ...\n", static_cast<int>(stage.size()), stage.data());
      }
    };
  }
  auto last = std::make_shared<int>(-1);
  return [last](std::string_view stage, uint64_t done, uint64_t total) {
    const int percent = total > 0 ? static_cast<int>(100 * done / total) : 100;
    if (std::exchange(*last, percent) != percent) print_bar(stage, done, total);
  };
}

int finish(const Status& status) {
  if (status.ok()) return 0;
  if (status.code() == StatusCode::Cancelled) return 130;
  report(status);
  return 1;
}

double mib(uint64_t bytes) {
  return static_cast<double>(bytes) / 1048576.0;
}

void report(const Status& status) {
  std::fprintf(stderr, "error: %.*s\n", static_cast<int>(status.message().size()),
               status.message().data());
}

void note(std::string_view text) {
  const bool colour = stderr_is_terminal();
  std::fprintf(stderr, "%s[%.*s]%s\n", colour ? "\033[2m" : "", static_cast<int>(text.size()),
               text.data(), colour ? "\033[0m" : "");
}

}  // namespace etb::cli
