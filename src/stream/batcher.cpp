#include "stream/batcher.h"

#include <utility>

namespace etb::stream {

Batcher::Batcher(const BatchOptions& options, const Clock& clock, Sink sink)
    : options_(options), clock_(clock), sink_(std::move(sink)), last_flush_ns_(clock.now_ns()) {}

void Batcher::push(std::string_view text) {
  pending_ += text;
  ++pending_tokens_;
  if (pending_.empty()) return;
  const bool due = !first_sent_ || pending_tokens_ >= options_.tokens ||
                   clock_.now_ns() - last_flush_ns_ >= options_.interval_ns;
  if (due) flush();
}

void Batcher::flush() {
  if (!pending_.empty()) {
    sink_(pending_);
    first_sent_ = true;
    last_flush_ns_ = clock_.now_ns();
  }
  pending_.clear();
  pending_tokens_ = 0;
}

}  // namespace etb::stream
