#include "cli/process.h"

#include <fcntl.h>
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

[[noreturn]] void become(const Launch& what, const Streams& streams) {
  redirect(streams.in, O_RDONLY, STDIN_FILENO);
  redirect(streams.out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(streams.err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  if (what.file_size_limit > 0) limit_file_size(what.file_size_limit);
  std::vector<char*> argv = {const_cast<char*>(ETB_CLI)};
  for (const std::string& argument : what.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  execv(ETB_CLI, argv.data());
  _exit(127);
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
  setenv("XDG_CACHE_HOME", cache_folder.c_str(), 1);
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

}  // namespace etb::cli_test
