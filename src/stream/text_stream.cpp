#include "stream/text_stream.h"

#include <utility>

namespace etb::stream {

TextStream::TextStream(StreamOptions options, const Clock& clock, Batcher::Sink sink)
    : filter_(std::move(options.stops)), batcher_(options.batch, clock, std::move(sink)) {}

bool TextStream::push(std::string_view token_bytes) {
  std::string whole;
  assembler_.push(token_bytes, whole);
  std::string safe;
  const bool stop = filter_.push(whole, safe);
  text_ += safe;
  batcher_.push(safe);
  return stop;
}

void TextStream::finish() {
  std::string whole;
  assembler_.finish(whole);
  std::string safe;
  filter_.push(whole, safe);
  filter_.finish(safe);
  text_ += safe;
  batcher_.push(safe);
  batcher_.finish();
}

}  // namespace etb::stream
