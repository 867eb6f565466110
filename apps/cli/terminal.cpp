#include "terminal.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <utility>

namespace etb::cli {
namespace {

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

void Thoughts::show(std::string_view piece) {
  if (!std::exchange(open_, true) && stderr_is_terminal()) std::fputs("\033[2m", stderr);
  std::fwrite(piece.data(), 1, piece.size(), stderr);
  std::fflush(stderr);
}

void Thoughts::end() {
  if (!std::exchange(open_, false)) return;
  std::fputs(stderr_is_terminal() ? "\033[0m\n" : "\n", stderr);
}

}  // namespace etb::cli
