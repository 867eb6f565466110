#include "stream/batcher.h"

#include <algorithm>
#include <utility>

namespace etb::stream {

Batcher::Batcher(const BatchOptions& options, const Clock& clock, Sink sink)
    : options_(options),
      clock_(clock),
      sink_(std::move(sink)),
      last_flush_ns_(clock.now_ns()),
      last_push_ns_(last_flush_ns_) {}

void Batcher::push(std::string_view text) {
  pending_ += text;
  ++pending_tokens_;
  const int64_t now_ns = clock_.now_ns();
  const int64_t gap_ns = expected_gap(now_ns);
  if (pending_.empty()) return;
  const int64_t left_ns = options_.interval_ns - (now_ns - last_flush_ns_);
  const bool due =
      !first_sent_ || pending_tokens_ >= options_.tokens || left_ns <= 0 || gap_ns > left_ns;
  if (due) flush(now_ns);
}

// Counts the token that came now; says how long the next one may take.
int64_t Batcher::expected_gap(int64_t now_ns) {
  // What comes before the first token is the prompt's time, no gap.
  const int64_t gap_ns = any_pushed_ ? std::max<int64_t>(now_ns - last_push_ns_, 0) : 0;
  any_pushed_ = true;
  last_push_ns_ = now_ns;
  return std::max(gap_ns, std::exchange(last_gap_ns_, gap_ns));
}

void Batcher::flush(int64_t now_ns) {
  if (!pending_.empty()) {
    sink_(pending_);
    first_sent_ = true;
    last_flush_ns_ = now_ns;
  }
  pending_.clear();
  pending_tokens_ = 0;
}

}  // namespace etb::stream
