#include "cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/text.h"

namespace etb::cli_test {
namespace {

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

struct Streams {
  std::string in, out, err;  // paths
};

void redirect(const std::string& path, int flags, int target) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0 || dup2(fd, target) < 0) _exit(126);
}

// In the child. A write beyond the limit then fails with EFBIG, as one on a full disk with ENOSPC;
// the ignored signal is inherited by the program.
void limit_file_size(uint64_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(126);
}

[[noreturn]] void execute(const std::vector<std::string>& arguments) {
  std::vector<char*> argv = {const_cast<char*>(ETB_CLI)};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  execv(ETB_CLI, argv.data());
  _exit(127);
}

[[noreturn]] void become(const Launch& what, const Streams& streams) {
  redirect(streams.in, O_RDONLY, STDIN_FILENO);
  redirect(streams.out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(streams.err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  if (what.file_size_limit > 0) limit_file_size(what.file_size_limit);
  execute(what.arguments);
}

// In the child: its own session, whose terminal is the one named.
[[noreturn]] void become_at_terminal(const std::vector<std::string>& arguments, const char* name) {
  setsid();
  const int terminal = open(name, O_RDWR);
  if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) != 0) _exit(126);
  for (const int target : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(terminal, target);
  execute(arguments);
}

// Nothing of the user's is read or written.
void use_folder(const std::string& folder) {
  setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  setenv("XDG_STATE_HOME", folder.c_str(), 1);
  setenv("TERM", "dumb", 1);  // so that a typed line appears as it is
}

// True if it ended by itself within the time; otherwise it is killed.
bool wait_for(pid_t child, int seconds, int& status) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::seconds(seconds);
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (clock::now() > end) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

Outcome launch(const Launch& what, const std::string& cache_folder) {
  const std::string stem = cache_folder + "/launch";
  const Streams streams{stem + ".in", stem + ".out", stem + ".err"};
  std::ofstream(streams.in, std::ios::binary) << what.input;
  use_folder(cache_folder);
  Outcome outcome;
  const pid_t child = fork();
  if (child == 0) become(what, streams);
  if (child < 0) return outcome;
  int status = 0;
  outcome.timed_out = !wait_for(child, what.timeout_seconds, status);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  outcome.out = read_all(streams.out);
  outcome.err = read_all(streams.err);
  return outcome;
}

std::string Outcome::summary() const {
  return concat("exit ", exit_code, ", signal ", signal, timed_out ? ", timed out" : "",
                "\nout: ", out, "\nerr: ", err);
}

Terminal::Terminal(const std::vector<std::string>& arguments, const std::string& cache_folder) {
  use_folder(cache_folder);
  screen_fd_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (screen_fd_ < 0 || grantpt(screen_fd_) != 0 || unlockpt(screen_fd_) != 0) return;
  const std::string name = ptsname(screen_fd_);
  child_ = fork();
  if (child_ == 0) become_at_terminal(arguments, name.c_str());
}

Terminal::~Terminal() {
  if (child_ > 0) exit_code(0);
  if (screen_fd_ >= 0) close(screen_fd_);
}

void Terminal::type(std::string_view keys) {
  while (!keys.empty()) {
    const ssize_t written = write(screen_fd_, keys.data(), keys.size());
    if (written <= 0) return;  // what should have come of it will be missed
    keys.remove_prefix(static_cast<size_t>(written));
  }
}

bool Terminal::read_some(int milliseconds) {
  pollfd waiting{screen_fd_, POLLIN, 0};
  if (poll(&waiting, 1, milliseconds) == 0) return true;
  char bytes[4096];
  const ssize_t count = read(screen_fd_, bytes, sizeof bytes);
  if (count <= 0) return false;  // nobody holds the other end any more
  screen_.append(bytes, static_cast<size_t>(count));
  return true;
}

bool Terminal::sees(std::string_view text, int seconds) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::seconds(seconds);
  bool more = true;
  while (true) {
    const size_t at = screen_.find(text, seen_);
    if (at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    if (!more || clock::now() > end) return false;
    more = read_some(50);
  }
}

int Terminal::exit_code(int seconds) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::seconds(seconds);
  while (clock::now() < end && read_some(50)) {
  }
  int status = 0;
  const bool ended = wait_for(child_, seconds, status);
  child_ = -1;
  return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace etb::cli_test
