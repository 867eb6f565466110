// Ids -> bytes -> whole UTF-8 -> cut at a stop string -> reasoning and tool calls apart -> batches:
// what happens to a token between the sampler and the app. Runs on the model thread, right after
// sampling, so that a stop string stops at once. Concatenation of the pieces = one-shot decode of
// the ids, cut at the first stop string, without what was set apart.
//
//   TextStream stream({.stops = {"\nUser:"}}, Clock::system(), [](std::string_view s) { show(s);
//   }); while (more) if (stream.push(tokenizer.piece(id))) break; stream.finish();
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "stream/batcher.h"
#include "stream/call_splitter.h"
#include "stream/reasoning_splitter.h"
#include "stream/stop_filter.h"
#include "stream/utf8_assembler.h"

namespace etb::stream {

struct StreamOptions {
  std::vector<std::string> stops = {};
  BatchOptions batch = {};
  ReasoningTags reasoning = {};
  Batcher::Sink on_reasoning = {};  // gets the reasoning; without one nobody does
  CallMarks calls = {};
  CallSplitter::Accepts accepts_call = {};
  // Gets the body of each call, in its place: all text before it has been sent. May be empty.
  std::function<void(std::string_view body)> on_call = {};
};

class TextStream {
 public:
  TextStream(StreamOptions options, const Clock& clock, Batcher::Sink sink);
  TextStream(const TextStream&) = delete;
  TextStream& operator=(const TextStream&) = delete;

  // The bytes of one token. True once a stop string is complete: generation should end.
  bool push(std::string_view token_bytes);
  // Flushes what is held back. Call exactly once, however the answer ended.
  void finish();

  // All text that left or will leave with the current batch.
  const std::string& text() const { return text_; }
  const std::string& reasoning() const { return reasoning_; }
  // The last token belongs to the reasoning, its tags included.
  bool reasons() const { return reasons_; }
  const std::string& matched_stop() const { return filter_.matched(); }

 private:
  void pass(const ReasoningSplitter::Parts& parts);
  void pass(const std::vector<CallSplitter::Part>& parts, bool reasons);
  void leave(std::string_view text);

  Utf8Assembler assembler_;
  StopFilter filter_;
  ReasoningSplitter splitter_;
  CallSplitter calls_;
  std::function<void(std::string_view body)> call_sink_;
  Batcher::Sink sink_, reasoning_sink_;
  Batcher batcher_;
  bool batch_reasons_ = false;  // what the batcher holds
  bool reasons_ = false;
  std::string text_, reasoning_;
};

}  // namespace etb::stream
