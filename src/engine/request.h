// One answer in the making: what was asked, the events it gives, and its cancel.
//
//   auto request = session->submit(Prompt::user("Hello!"), {});
//   auto answer = (*request)->wait([](std::string_view text) { show(text); });
//
// Exactly one terminal event (Done or Failed) comes, whatever happens. A Request may outlive its
// session and engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "base/token_id.h"
#include "engine/answer.h"
#include "engine/tool_calls.h"
#include "holder/runner_holder.h"
#include "prompt/chat_template.h"
#include "runner/sampler.h"
#include "stream/batcher.h"

namespace etb {

// What is asked. Made by the functions below.
struct Prompt {
  enum class Kind : int {
    User,          // a new user message
    Regenerate,    // the last answer once more
    Conversation,  // these messages instead of the session's
    Ids,           // everything the model sees; the session's messages are left alone
    Warm,          // compute ahead what a user message that begins so will need; answers nothing
    Results,       // what the tools gave that the last answer called: one for each call
  };
  // The media stand before the text.
  static Prompt user(std::string text,
                     std::vector<std::shared_ptr<const media::Media>> media = {}) {
    return {.kind = Kind::User, .text = std::move(text), .media = std::move(media)};
  }
  static Prompt regenerate() { return {.kind = Kind::Regenerate}; }
  static Prompt conversation(std::vector<prompt::Message> messages) {
    return {.kind = Kind::Conversation, .messages = std::move(messages)};
  }
  static Prompt tokens(std::vector<TokenId> ids) {
    return {.kind = Kind::Ids, .ids = std::move(ids)};
  }
  static Prompt warm(std::string typed_so_far) {
    return {.kind = Kind::Warm, .text = std::move(typed_so_far)};
  }
  static Prompt tool_results(std::vector<ToolResult> results) {
    return {.kind = Kind::Results, .results = std::move(results)};
  }

  Kind kind = Kind::User;
  std::string text = {};
  std::vector<std::shared_ptr<const media::Media>> media = {};
  std::vector<prompt::Message> messages = {};
  std::vector<TokenId> ids = {};
  std::vector<ToolResult> results = {};
};

struct GenerateOptions {
  int max_tokens = -1;  // of the answer; -1: until a stop or the end of the context
  runner::SamplerOptions sampler = {};
  std::vector<std::string> stops = {};  // stop strings; the answer's text is cut before them
  bool ignore_eos = false;  // generate past stop ids (they are sampled, but never shown)
  int logprobs = 0;         // > 0: log-probabilities of each token and of this many best
  stream::BatchOptions batch = {};
  holder::BusyPolicy busy = holder::BusyPolicy::Queue;
  // Guess tokens from what was said before and check several at once: the same ids, sooner where
  // text repeats. Used only while it pays.
  bool lookup = true;
};

enum class EventKind : int {
  Started = 0,  // the prompt is being computed
  Text = 1,
  Notice = 2,  // e.g. old messages left out
  Done = 3,    // terminal
  Failed = 4,  // terminal
  Reasoning = 5,
  ToolCall = 6,  // all text before it has come
};

struct Event {
  EventKind kind = EventKind::Text;
  // Text, Reasoning: whole UTF-8, never empty. Notice: for people.
  std::string text = {};
  // Text, Reasoning: of the tokens since the last of these events.
  std::vector<TokenLogprobs> logprobs = {};
  ToolCall call = {};                         // ToolCall
  std::shared_ptr<const Answer> answer = {};  // Done
  Status status = {};                         // Failed
};

// Gets text as it comes, whole UTF-8, on the thread that waits. May be empty.
using TextSink = std::function<void(std::string_view text)>;

struct RequestState;

// The reader's end. One thread reads; any thread cancels. Destroying it cancels what still runs.
class Request {
 public:
  explicit Request(std::shared_ptr<RequestState> state) : state_(std::move(state)) {}
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  uint64_t id() const;
  // Ends the request within 100 ms, wherever it is. What was said so far is kept.
  void cancel();
  // For signal handlers: setting it does what cancel() does as long as somebody is in next() or
  // wait(). Lives as long as the Request.
  CancelToken& cancel_token();

  // The oldest unread event, if there is one.
  std::optional<Event> try_next();
  // Waits for it; nullopt after `patience`, or at once after the terminal event was read.
  std::optional<Event> next(std::chrono::nanoseconds patience);
  // The terminal event has been read.
  bool over() const;
  // Called whenever there is something to read, on a thread of the engine: must only arrange for
  // somebody to read. Never blocks, never drops the last handle of an engine. Once this or the
  // destructor has returned the one before is not running and never called again; so hold no lock
  // that it takes.
  void set_wakeup(std::function<void()> wakeup);

  // Reads to the end. An answer that was cancelled is one, with FinishReason::Cancelled.
  Result<Answer> wait(const TextSink& sink = {});

 private:
  std::shared_ptr<RequestState> state_;
};

}  // namespace etb
