#include "runner/runtime.h"

#include <algorithm>
#include <cstdint>
#include <mutex>

#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include "base/log.h"
#include "base/text.h"

namespace etb::runner {
namespace {

using executorch::runtime::Error;

constexpr size_t kMaxLines = 64;
constexpr size_t kMaxNames = 256;
constexpr size_t kMaxLineBytes = 512;

thread_local LogCapture* innermost = nullptr;

// A log line that only announces the failure above it, or tells of a lock on packed weights that
// the backend shall not get.
bool is_echo(std::string_view line) {
  return line.starts_with("flock(") || line.find("missing operators") != std::string_view::npos ||
         line.find("failed at instruction") != std::string_view::npos;
}

LogLevel level_of(et_pal_log_level_t level) {
  switch (level) {
    case kDebug:
      return LogLevel::Debug;
    case kInfo:
      return LogLevel::Info;
    case kError:
      return LogLevel::Error;
    case kFatal:
      return LogLevel::Error;
    case kUnknown:
      return LogLevel::Warning;
  }
  return LogLevel::Warning;
}

std::string_view file_name(const char* path) {
  if (path == nullptr) return "?";
  const std::string_view text(path);
  return text.substr(text.find_last_of('/') + 1);
}

// Called for the runtime, its backends and its thread pool, on any thread.
void pass_on(et_pal_log_level_t level, const char* file, size_t line, std::string_view text) {
  try {
    LogLevel our_level = level_of(level);
    if (our_level == LogLevel::Error && innermost != nullptr) {
      innermost->add(text);
      our_level = LogLevel::Debug;
    }
    log(our_level, concat("executorch: ", text, " (", file_name(file), ":", line, ")"));
  } catch (...) {
    // Out of memory while saying that something went wrong: the status still carries the error.
  }
}

// The signature is the runtime's.
constexpr pal_emit_log_message_method kLogHook = [](et_timestamp_t, et_pal_log_level_t level,
                                                    const char* file, const char*, size_t line,
                                                    const char* message, size_t length) {
  const std::string_view text(message == nullptr ? "" : message, message ? length : 0);
  pass_on(level, file, line, text);
};

std::string_view remedy_of(Error error, RuntimeStep step) {
  switch (error) {
    case Error::InvalidProgram:
    case Error::InvalidExternalData:
      return "the file is damaged or not a program this runtime reads: get it again, or import it "
             "again";
    case Error::DelegateInvalidCompatibility:
      return "the file was exported for another version of its backend: export it again";
    case Error::MemoryAllocationFailed:
    case Error::OutOfResources:
    case Error::DelegateMemoryAllocationFailed:
      return "close other programs, or use a smaller context or model";
    default:
      break;
  }
  return step == RuntimeStep::Execute ? "the sequence is where it was before this call's chunk"
                                      : "get the file again, or import it again";
}

StatusCode code_of(RuntimeStep step, Error error) {
  switch (error) {
    case Error::NotSupported:
    case Error::NotImplemented:
    case Error::OperatorMissing:
    case Error::DelegateInvalidCompatibility:
      return StatusCode::Unsupported;
    case Error::MemoryAllocationFailed:
    case Error::OutOfResources:
    case Error::DelegateMemoryAllocationFailed:
      return StatusCode::OutOfMemory;
    default:
      break;
  }
  return step == RuntimeStep::Execute ? StatusCode::Internal : StatusCode::Corrupt;
}

Status missing_operators_status(std::string_view doing, const LogCapture& capture) {
  const auto& names = capture.missing_operators();
  return {
      StatusCode::Unsupported,
      concat(doing, " needs ", names.size() == 1 ? "an operator" : "operators",
             " that this build does not have: ", name_list(names),
             "; use a build with the kernels of stock ExecuTorch files, or import the model from "
             "its GGUF file (etbridge import)")};
}

}  // namespace

void ensure_runtime() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Before runtime_init(), so that not even its own start is heard elsewhere.
    executorch::runtime::register_pal(executorch::runtime::PalImpl::create(kLogHook, __FILE__));
    executorch::runtime::runtime_init();
  });
}

LogCapture::LogCapture() : outer_(innermost) {
  innermost = this;
}

LogCapture::~LogCapture() {
  innermost = outer_;
}

void LogCapture::add(std::string_view line) {
  constexpr std::string_view kMissing = "Missing operator: [";
  if (line.starts_with(kMissing)) {
    const size_t bracket = line.find("] ");
    if (bracket == std::string_view::npos || missing_operators_.size() >= kMaxNames) return;
    const std::string name(line.substr(bracket + 2, kMaxLineBytes));
    const bool known = std::find(missing_operators_.begin(), missing_operators_.end(), name) !=
                       missing_operators_.end();
    if (!known) missing_operators_.push_back(name);
    return;
  }
  if (lines_.size() < kMaxLines) lines_.emplace_back(line.substr(0, kMaxLineBytes));
}

Status runtime_status(RuntimeStep step, Error error, std::string_view doing,
                      const LogCapture& capture) {
  if (!capture.missing_operators().empty()) return missing_operators_status(doing, capture);
  std::string said;
  for (const std::string& line : capture.lines()) {
    if (is_echo(line)) continue;
    said = concat(": ", line);
    break;
  }
  if (said.empty() && !capture.lines().empty()) said = concat(": ", capture.lines().front());
  return {code_of(step, error),
          concat(doing, " failed in ExecuTorch (", executorch::runtime::to_string(error), ")", said,
                 "; ", remedy_of(error, step))};
}

std::string name_list(const std::vector<std::string>& names) {
  constexpr size_t kShown = 16;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += concat(i == 0 ? "" : ", ", "'", names[i], "'");
  }
  if (names.size() > kShown) text += concat(" and ", names.size() - kShown, " more");
  return text;
}

}  // namespace etb::runner
