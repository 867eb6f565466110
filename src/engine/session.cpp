#include "engine/session.h"

#include <utility>

#include "engine/conversation_codec.h"
#include "engine/engine.h"
#include "engine/sequence_pool.h"
#include "kv/session_file.h"

namespace etb {

Session::Session(std::shared_ptr<Engine> engine, std::shared_ptr<SessionCore> core)
    : engine_(std::move(engine)), core_(std::move(core)) {}

Session::~Session() {
  core_->closed = true;
  cancel();
  // Whatever of it still runs was posted before, or sees that the session is closed.
  engine_->holder().post([id = core_->id](holder::Resident* resident) {
    if (auto* const model = dynamic_cast<LoadedModel*>(resident)) model->pool().erase(id);
  });
}

Result<std::unique_ptr<Request>> Session::submit(Prompt prompt, GenerateOptions options) {
  ETB_ASSIGN_OR_RETURN(auto state,
                       engine_->scheduler().submit(core_, std::move(prompt), std::move(options)));
  return std::make_unique<Request>(std::move(state));
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

// Requests that were submitted before see another epoch at their end, and add nothing.
template <class Change>
auto Session::change(Change what) {
  cancel();
  const std::lock_guard lock(core_->mutex);
  ++core_->epoch;
  return what(core_->conversation);
}

void Session::reset() {
  change([](Conversation& conversation) { clear(conversation); });
}

void Session::set_system(std::string system) {
  change([&](Conversation& conversation) { etb::set_system(conversation, std::move(system)); });
}

Status Session::edit(size_t index, std::string text) {
  return change(
      [&](Conversation& conversation) { return etb::edit(conversation, index, std::move(text)); });
}

Status Session::pin(size_t index, bool pinned) {
  return change([&](Conversation& conversation) { return etb::pin(conversation, index, pinned); });
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
  engine_->holder().run([&](holder::Resident* resident) {
    auto* const model = dynamic_cast<LoadedModel*>(resident);
    runner::Sequence* const sequence = model != nullptr ? model->pool().find(core_->id) : nullptr;
    if (sequence == nullptr) return;
    use.positions = sequence->position();
    use.kv_bytes = sequence->kv_usage().committed_bytes;
  });
  return use;
}

}  // namespace etb
