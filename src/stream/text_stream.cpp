#include "stream/text_stream.h"

#include <utility>

namespace etb::stream {

TextStream::TextStream(StreamOptions options, const Clock& clock, Batcher::Sink sink)
    : filter_(std::move(options.stops)),
      splitter_(std::move(options.reasoning)),
      calls_(std::move(options.calls), std::move(options.accepts_call)),
      call_sink_(std::move(options.on_call)),
      sink_(std::move(sink)),
      reasoning_sink_(std::move(options.on_reasoning)),
      batcher_(options.batch, clock, [this](std::string_view text) { leave(text); }) {}

bool TextStream::push(std::string_view token_bytes) {
  std::string whole;
  assembler_.push(token_bytes, whole);
  std::string safe;
  const bool stop = filter_.push(whole, safe);
  const bool before = splitter_.inside();
  pass(splitter_.push(safe));
  reasons_ = before || splitter_.inside();
  return stop;
}

void TextStream::finish() {
  std::string whole;
  assembler_.finish(whole);
  std::string safe;
  filter_.push(whole, safe);
  filter_.finish(safe);
  pass(splitter_.push(safe));
  pass(splitter_.finish());
  pass(calls_.finish(), true);
  batcher_.finish();
}

// A batch is of one kind: the first text sends off what is left of the reasoning.
void TextStream::pass(const ReasoningSplitter::Parts& parts) {
  reasoning_ += parts.reasoning;
  if (!parts.reasoning.empty()) {
    batch_reasons_ = true;
    batcher_.push(parts.reasoning);
  }
  pass(calls_.push(parts.text), !parts.reasoning.empty());
}

// What a token gave. `reasons`: it has been counted as reasoning.
void TextStream::pass(const std::vector<CallSplitter::Part>& parts, bool reasons) {
  if (parts.empty() && !reasons) batcher_.push({});
  for (const CallSplitter::Part& part : parts) {
    if (batch_reasons_ || part.is_call) batcher_.finish();
    batch_reasons_ = false;
    if (!part.is_call) {
      text_ += part.text;
      batcher_.push(part.text);
    } else if (call_sink_) {
      call_sink_(part.text);
    }
  }
}

void TextStream::leave(std::string_view text) {
  const Batcher::Sink& sink = batch_reasons_ ? reasoning_sink_ : sink_;
  if (sink) sink(text);
}

}  // namespace etb::stream
