#include "engine/session.h"

#include <new>
#include <utility>

#include "engine/conversation_codec.h"
#include "engine/engine.h"
#include "engine/room_edge.h"
#include "engine/sequence_pool.h"
#include "kv/session_file.h"

namespace etb {

Session::Session(std::shared_ptr<Engine> engine, std::shared_ptr<SessionCore> core)
    : engine_(std::move(engine)), core_(std::move(core)) {}

Session::~Session() {
  core_->closed = true;
  cancel();
  engine_->models().forget_session(core_->id);
}

Result<std::unique_ptr<Request>> Session::submit(Prompt prompt, GenerateOptions options) {
  ETB_ASSIGN_OR_RETURN(auto state,
                       engine_->scheduler().submit(core_, std::move(prompt), std::move(options)));
  try {
    return std::make_unique<Request>(state);
  } catch (const std::bad_alloc&) {
    Request(std::move(state)).cancel();  // nobody will read it
    return Status(StatusCode::OutOfMemory, "memory ran out while a request was submitted");
  }
}

void Session::cancel() {
  engine_->scheduler().cancel_all(core_);
}

std::vector<prompt::Message> Session::messages() const {
  const std::lock_guard lock(core_->mutex);
  return core_->conversation.messages;
}

size_t Session::dropped_messages() const {
  const std::lock_guard lock(core_->mutex);
  return core_->conversation.history.cut;
}

// Requests that were submitted before are cancelled, see another epoch at their end, and add
// nothing; all at once, so that none comes in between. A change that fails does none of it.
template <class Change>
Status Session::change(Change what) {
  const std::lock_guard lock(core_->mutex);
  Conversation next = core_->conversation;
  ETB_RETURN_IF_ERROR(what(next));
  std::swap(core_->conversation, next);
  engine_->scheduler().cancel_all_locked(*core_);
  ++core_->epoch;
  return {};
}

void Session::reset() {
  static_cast<void>(change([](Conversation& conversation) {
    clear(conversation);
    return Status();
  }));
}

void Session::set_system(std::string system) {
  static_cast<void>(change([&](Conversation& conversation) {
    etb::set_system(conversation, std::move(system));
    return Status();
  }));
}

Status Session::edit(size_t index, std::string text) {
  return or_out_of_memory("a message was edited", [&] {
    return change([&](Conversation& conversation) {
      return etb::edit(conversation, index, std::move(text));
    });
  });
}

Status Session::pin(size_t index, bool pinned) {
  return or_out_of_memory("a message was pinned", [&] {
    return change(
        [&](Conversation& conversation) { return etb::pin(conversation, index, pinned); });
  });
}

std::unique_ptr<Session> Session::fork() const {
  SessionOptions options = core_->options;
  auto core = std::make_shared<SessionCore>(engine_->holder().new_id(), std::move(options));
  {
    const std::lock_guard lock(core_->mutex);
    core->conversation = core_->conversation;
  }
  return std::make_unique<Session>(engine_, std::move(core));
}

Status Session::save(const std::string& path) const {
  return or_out_of_memory("a conversation was saved", [&] { return write(path); });
}

Status Session::write(const std::string& path) const {
  std::vector<uint8_t> payload;
  {
    const std::lock_guard lock(core_->mutex);
    payload = encode_conversation(core_->conversation);
  }
  return engine_->with_model([&](LoadedModel& model) {
    const runner::RunnerMeta& meta = model.runner().meta();
    kv::SessionContent content{.model = meta.model_tag(), .context = meta.context};
    content.payload = payload;
    const runner::Sequence* const sequence = model.pool().find(core_->id);
    if (sequence != nullptr && meta.model_key != 0) {
      content.ids = sequence->ids();
      content.floor = sequence->rewind_floor();
    }
    return kv::write_session(
        path, content, [&](uint32_t from, uint32_t to) { return sequence->copy_rows(from, to); });
  });
}

SessionUse Session::use() const {
  SessionUse use;
  if (const auto model = engine_->model()) {
    use.context = engine_->scheduler().context_limit(model->meta.context);
  }
  const auto look = [&](holder::Resident* resident) {
    auto* const model = dynamic_cast<LoadedModel*>(resident);
    runner::Sequence* const sequence = model != nullptr ? model->pool().find(core_->id) : nullptr;
    if (sequence == nullptr) return;
    use.positions = sequence->position();
    use.kv_bytes = sequence->kv_usage().committed_bytes;
  };
  engine_->holder().run([&](holder::Resident* resident) {
    try {
      look(resident);
    } catch (const std::bad_alloc&) {  // then less is known
    }
  });
  return use;
}

}  // namespace etb
