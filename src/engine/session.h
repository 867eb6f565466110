// Session: one conversation. Holds its messages and the token ids as they were fed; the keys and
// values it computed stay with the model, so that each turn computes only what is new.
//
// Thread-safe. Requests of a session run one after the other; those of several sessions take turns.
// After an error the messages are as before the request; after a cancel they hold what was said so
// far (nothing said: as before). Either way the session goes on. What returns no status throws
// bad_alloc where memory runs out, and has changed nothing then.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/request.h"
#include "engine/session_core.h"

namespace etb {

class Engine;

// What a conversation costs now.
struct SessionUse {
  uint32_t positions = 0;  // of the context, in use; 0 if nothing of it is in memory
  uint32_t context = 0;    // positions it may use; 0 while no model is resident
  uint64_t kv_bytes = 0;   // committed for its keys and values
};

class Session {
 public:
  Session(std::shared_ptr<Engine> engine, std::shared_ptr<SessionCore> core);
  // Cancels its requests; their terminal events still come. What it computed may serve others.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Copies, and returns at once. InvalidArgument: options that cannot be. Busy: no place in the
  // queue. All else comes as the request's terminal event: ContextFull if even the newest message
  // does not fit, Unsupported without a chat template, NotFound without a model, ...
  Result<std::unique_ptr<Request>> submit(Prompt prompt, GenerateOptions options = {});
  // Cancels all of its requests.
  void cancel();

  std::vector<prompt::Message> messages() const;
  // Messages that the next prompt leaves out, after the system prompt.
  size_t dropped_messages() const;

  // The next ones change the conversation. An answer that is being made is cancelled and not added;
  // after an error nothing has happened.
  void reset();  // forgets the messages but the system prompt
  void set_system(std::string system);
  // Gives a message another text; those after it go. InvalidArgument: there is none.
  Status edit(size_t index, std::string text);
  // A pinned message stays in the prompt, whatever the history policy.
  Status pin(size_t index, bool pinned);

  // Another conversation that says the same so far. What was computed is copied, not computed
  // again.
  std::unique_ptr<Session> fork() const;

  // The next ones block: for the model, if it went, and for what runs on the model thread now.
  //
  // Writes messages, ids and what was computed to a file, whole or not at all: later, or on another
  // run, Engine::restore_session() goes on without computing it again.
  Status save(const std::string& path) const;
  SessionUse use() const;

  const std::shared_ptr<SessionCore>& core() const { return core_; }

 private:
  template <class Change>
  Status change(Change what);
  Status write(const std::string& path) const;

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<SessionCore> core_;
};

}  // namespace etb
