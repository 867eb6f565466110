// The one log sink. The library is a guest: it never writes to stdout or stderr; what it has to say
// goes to the sink that the host set, and nowhere if it set none.
#pragma once

#include <string_view>

namespace etb {

enum class LogLevel : int { Debug = 0, Info = 1, Warning = 2, Error = 3 };

// May be called from any thread, also from inside the runtime; must not call back into the library.
using LogSink = void (*)(void* user, LogLevel level, std::string_view message);

// Replaces the sink; null takes it away. Thread-safe. `user` must outlive the sink's use.
void set_log_sink(LogSink sink, void* user);

void log(LogLevel level, std::string_view message);

}  // namespace etb
