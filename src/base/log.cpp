#include "base/log.h"

#include <mutex>
#include <shared_mutex>

namespace etb {
namespace {

struct Target {
  std::shared_mutex mutex;  // guards both, so that a message never meets a half-replaced pair
  LogSink sink = nullptr;
  void* user = nullptr;
};

Target& target() {
  static Target& instance = *new Target;  // never destroyed: logs may come from late threads
  return instance;
}

}  // namespace

void set_log_sink(LogSink sink, void* user) {
  std::unique_lock lock(target().mutex);
  target().sink = sink;
  target().user = user;
}

void log(LogLevel level, std::string_view message) {
  std::shared_lock lock(target().mutex);
  if (target().sink) target().sink(target().user, level, message);
}

}  // namespace etb
