// Session: one conversation. Holds its messages, the token ids as they were fed, and a Sequence
// with their keys and values, so that each turn computes only what is new.
//
// One user at a time; a session is not thread-safe, but its CancelToken is. After an error the
// messages are as before the call; after a cancel they hold what was said so far. Either way the
// session goes on.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/history.h"
#include "engine/prompt_encoder.h"
#include "engine/request.h"
#include "runner/sequence.h"
#include "stream/text_stream.h"

namespace etb {

class Session {
 public:
  Session(std::shared_ptr<Engine> engine, std::unique_ptr<runner::Sequence> sequence,
          SessionOptions options, const Clock& clock = Clock::system());

  // Adds a user message, generates the answer and adds that. ContextFull if even the newest message
  // does not fit; Unsupported if the model has no chat template.
  Result<Answer> chat(std::string_view user_text, const GenerateOptions& options,
                      const TextSink& sink, const CancelToken* cancel);

  // Replaces the conversation and generates the next message of it (added, too).
  Result<Answer> answer(std::vector<prompt::Message> messages, const GenerateOptions& options,
                        const TextSink& sink, const CancelToken* cancel);

  // `prompt` is everything the model sees; messages are left alone. InvalidArgument names an id
  // beyond the vocabulary or an empty prompt, ContextFull one longer than the context.
  Result<Answer> complete(const std::vector<TokenId>& prompt, const GenerateOptions& options,
                          const TextSink& sink, const CancelToken* cancel);

  const std::vector<prompt::Message>& messages() const { return messages_; }
  void reset();  // forgets the messages but the system prompt
  void set_system(std::string system);

  runner::Sequence& sequence() { return *sequence_; }

 private:
  Result<Answer> go_on(std::vector<prompt::Message> messages, const GenerateOptions& options,
                       const TextSink& sink, const CancelToken* cancel);
  Result<FormattedPrompt> format(const std::vector<prompt::Message>& messages) const;
  Status prefill(const std::vector<TokenId>& prompt, Answer& answer, const CancelToken* cancel,
                 std::span<const float>& logits);
  Status decode(const GenerateOptions& options, const TextSink& sink, const CancelToken* cancel,
                std::span<const float> logits, Answer& answer);
  Result<bool> take(TokenId id, const GenerateOptions& options, std::span<const float> logits,
                    stream::TextStream& stream, Answer& answer);
  void remember(const FormattedPrompt& prompt, const Answer& answer);

  std::shared_ptr<Engine> engine_;
  std::unique_ptr<runner::Sequence> sequence_;
  SessionOptions options_;
  const Clock& clock_;
  std::vector<prompt::Message> messages_;
  std::vector<TokenId> fed_;  // ids whose keys and values are in the cache, in order
  Transcript transcript_;
  size_t dropped_ = 0;  // messages after the system prompt that no longer go into the prompt
  int64_t request_start_ns_ = 0;
};

}  // namespace etb
