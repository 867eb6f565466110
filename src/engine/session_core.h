// What a Session and the engine's threads share of one conversation. Internal to the room.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/conversation.h"
#include "engine/history_policy.h"
#include "engine/request_state.h"

namespace etb {

struct SessionOptions {
  std::string system = {};  // empty: whatever the template does by itself
  std::optional<int64_t> now_seconds =
      {};                             // of templates' strftime_now, UTC; default: when it began
  std::optional<bool> thinking = {};  // see PromptSettings::thinking
  std::string tools = {};             // see PromptSettings::tools
  HistoryPolicy history = {};         // what goes when the context is full
};

struct SessionCore {
  SessionCore(uint64_t number, SessionOptions with) : id(number), options(std::move(with)) {}

  const uint64_t id;
  const SessionOptions options;
  std::atomic<bool> closed{false};  // its Session is gone: nothing of it is kept

  std::mutex mutex;               // over all below
  std::condition_variable ended;  // a request did
  Conversation conversation;
  // Counts the changes that the app made: a request that began under another number does not touch
  // the conversation any more.
  uint64_t epoch = 0;
  std::shared_ptr<RequestState> active;
  std::deque<std::shared_ptr<RequestState>> waiting;
};

}  // namespace etb
