// What the engine's threads and the reader share of one request. Internal to the room.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "engine/request.h"
#include "holder/runner_holder.h"
#include "stream/event_queue.h"

namespace etb {

struct RequestState {
  // Waiting -> Running -> Ended, or Waiting -> Ended. Whoever moves it on owns what follows: so
  // there is one terminal event.
  enum class Phase { Waiting, Running, Ended };

  Prompt prompt;
  GenerateOptions options;
  std::shared_ptr<CancelToken> cancel = std::make_shared<CancelToken>();
  std::shared_ptr<holder::RunnerHolder::Admission> admission;  // let go of at the end
  Status no_memory;  // made beforehand: when there is none left the request can still say so
  int64_t submitted_ns = 0;
  uint64_t id = 0;

  stream::EventQueue<Event> events;
  std::atomic<Phase> phase{Phase::Waiting};

  bool cancelled() const { return cancel->cancelled(); }
  bool move(Phase from, Phase to) { return phase.compare_exchange_strong(from, to); }

  // Tells the engine that the token was set; nothing once the request has ended.
  void nudge();
  void set_nudge(std::function<void()> nudge);

 private:
  std::mutex mutex_;
  std::function<void()> nudge_;  // under mutex_: held while it runs, so that the engine outlives it
};

}  // namespace etb
