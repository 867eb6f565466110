// Groups pieces of text, so that a user interface gets a message every few tokens and not one a
// token: after `tokens` pieces or `interval_ns`, whichever comes first. The first piece leaves at
// once (time to first token), and finish() always flushes.
//
// There is no timer: the batcher acts only when a token comes. So that text need not wait for a
// token that comes too late, it leaves early when the next token is expected after the interval's
// end. Expected is the larger of the last two gaps between tokens: a model that is slow is believed
// at once, one that hesitated once costs a message more. Only a pause that nothing announced can
// make text wait, until the token that ends it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace etb::stream {

struct BatchOptions {
  int tokens = 3;                    // 1 or less: each token by itself
  int64_t interval_ns = 50'000'000;  // since the last message; 0 or less: each token by itself
};

class Batcher {
 public:
  using Sink = std::function<void(std::string_view text)>;

  // `clock` must outlive the batcher. The sink gets whole UTF-8, never empty.
  Batcher(const BatchOptions& options, const Clock& clock, Sink sink);

  // One token's text; may be empty (it still counts as a token).
  void push(std::string_view text);
  void finish() { flush(clock_.now_ns()); }

 private:
  void flush(int64_t now_ns);
  int64_t expected_gap(int64_t now_ns);

  BatchOptions options_;
  const Clock& clock_;
  Sink sink_;
  std::string pending_;
  int pending_tokens_ = 0;
  int64_t last_flush_ns_;
  int64_t last_push_ns_;
  int64_t last_gap_ns_ = 0;
  bool any_pushed_ = false;
  bool first_sent_ = false;
};

}  // namespace etb::stream
