// The handler writes to a pipe that a wait for input listens to as well. So no signal is lost
// between a look at a flag and a read, whichever thread it reaches, and calls elsewhere are
// restarted: a write to the terminal that was cut short would lose what was said.
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace etb::cli {
namespace {

std::atomic<CancelToken*> current_token{nullptr};
volatile sig_atomic_t asked_to_end = 0;  // SIGTERM: the program, not only the answer
struct sigaction previous_int, previous_term;
int pipe_ends[2] = {-1, -1};  // read, write; open from the first scope on

void on_signal(int signal_number) {
  const int error = errno;
  if (signal_number == SIGTERM) asked_to_end = 1;
  if (CancelToken* token = current_token.load()) token->cancel();
  // A full pipe has told it already.
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], "", 1);
  errno = error;
}

void open_pipe() {
  if (pipe_ends[0] >= 0 || pipe(pipe_ends) != 0) return;
  for (const int end : pipe_ends) {
    fcntl(end, F_SETFL, O_NONBLOCK);
    fcntl(end, F_SETFD, FD_CLOEXEC);
  }
}

}  // namespace

InterruptScope::InterruptScope(CancelToken* token) {
  open_pipe();
  current_token = token;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
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

void InterruptScope::forget() {
  char bytes[64];
  while (read(pipe_ends[0], bytes, sizeof bytes) > 0) {
  }
}

bool InterruptScope::wait_for_input(int fd) {
  pollfd waiting[2] = {{fd, POLLIN, 0}, {pipe_ends[0], POLLIN, 0}};
  while (poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) return true;  // the read will tell what is wrong
  }
  return waiting[1].revents == 0;
}

}  // namespace etb::cli
