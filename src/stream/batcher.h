// Groups pieces of text, so that a user interface gets a message every few tokens and not one a
// token: after `tokens` pieces or `interval_ns`, whichever comes first. The first piece leaves at
// once (time to first token), and finish() always flushes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace etb::stream {

struct BatchOptions {
  int tokens = 3;
  int64_t interval_ns = 50'000'000;
};

class Batcher {
 public:
  using Sink = std::function<void(std::string_view text)>;

  // `clock` must outlive the batcher. The sink gets whole UTF-8, never empty.
  Batcher(const BatchOptions& options, const Clock& clock, Sink sink);

  // One token's text; may be empty (it still counts as a token).
  void push(std::string_view text);
  void finish() { flush(); }

 private:
  void flush();

  BatchOptions options_;
  const Clock& clock_;
  Sink sink_;
  std::string pending_;
  int pending_tokens_ = 0;
  int64_t last_flush_ns_;
  bool first_sent_ = false;
};

}  // namespace etb::stream
