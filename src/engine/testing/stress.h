// For tests: eight threads do to an engine whatever comes to mind - submit, cancel, reset, edit,
// unload, load, fork, drop. However it goes, each request gets exactly one terminal event, as its
// last.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/request_state.h"

namespace etb::testing {

class Stress {
 public:
  static constexpr int kThreads = 8;

  struct Plan {
    std::shared_ptr<Engine> engine;
    std::string model;  // what load_model() asks for
    int operations = 0;
  };
  explicit Stress(Plan plan)
      : engine_(std::move(plan.engine)), model_(plan.model), operations_(plan.operations) {
    for (auto& slot : slots_) slot.session = engine_->new_session({.now_seconds = 0});
  }

  void run() {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, t] { work(static_cast<unsigned>(t)); });
    }
    for (std::thread& thread : threads) thread.join();
    // Whatever is still to come comes before this returns.
    for (auto& slot : slots_) slot.session.reset();
    engine_.reset();
  }

  // What happened to the requests, once all is over.
  struct Outcome {
    size_t requests = 0, answered = 0, cancelled = 0, failed = 0;
    size_t wrong = 0;      // with no terminal event, several, or one that was not the last
    size_t different = 0;  // answers to the same ids that differ from the first of them
  };
  Outcome outcome() {
    Outcome result;
    const std::vector<TokenId>* same = nullptr;
    for (const auto& entry : submitted_) {
      while (auto event = entry->state->events.try_pop()) entry->read(*event);
      ++result.requests;
      if (entry->terminal != 1 || !entry->last_is_terminal) ++result.wrong;
      if (entry->failed) ++result.failed;
      if (entry->answered) ++result.answered;
      if (entry->cancelled) ++result.cancelled;
      if (!entry->answered || entry->state->prompt.kind != Prompt::Kind::Ids) continue;
      if (same == nullptr) same = &entry->answer->ids;
      if (entry->answer->ids != *same) ++result.different;
    }
    return result;
  }

 private:
  static constexpr size_t kSessions = 12;

  struct Slot {
    std::mutex mutex;
    std::shared_ptr<Session> session;
  };

  // A request and what its events said. Read by one thread at a time.
  struct Entry {
    std::shared_ptr<RequestState> state;
    std::shared_ptr<const Answer> answer = {};
    int terminal = 0;
    bool last_is_terminal = false, answered = false, cancelled = false, failed = false;

    void read(const Event& event) {
      last_is_terminal = event.kind == EventKind::Done || event.kind == EventKind::Failed;
      if (!last_is_terminal) return;
      ++terminal;
      failed = event.kind == EventKind::Failed;
      cancelled = !failed && event.answer->finish_reason == FinishReason::Cancelled;
      answered = !failed && !cancelled;
      answer = event.answer;
    }
  };
  struct Mine {
    std::shared_ptr<Entry> entry;
    std::unique_ptr<Request> request;
  };

  std::shared_ptr<Session> session_at(size_t index) {
    const std::lock_guard lock(slots_[index].mutex);
    return slots_[index].session;
  }

  void work(unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Mine> mine;
    for (int i = 0; i < operations_ / kThreads; ++i) {
      operate(random, mine);
      if (mine.size() > 10) mine.erase(mine.begin());  // a gone reader cancels
    }
  }

  void operate(std::mt19937& random, std::vector<Mine>& mine) {
    const std::shared_ptr<Session> session = session_at(random() % kSessions);
    const auto what = random() % 1000;
    if (what < 500) return submit(*session, random, mine);
    if (what < 650 && !mine.empty()) return mine[random() % mine.size()].request->cancel();
    if (what < 750 && !mine.empty()) return read_one(mine[random() % mine.size()]);
    if (what < 800 && !mine.empty()) return read_all(mine[random() % mine.size()]);
    if (what < 850) return session->reset();
    if (what < 900) return static_cast<void>(session->edit(random() % 3, "edited"));
    if (what < 930) return static_cast<void>(session->messages());
    if (what < 960) return replace(random() % kSessions, random);
    if (what < 970) return static_cast<void>(engine_->status());
    if (what < 975) return static_cast<void>(engine_->holder().unload(while_busy(random), nullptr));
    if (what < 980) {
      return static_cast<void>(engine_->load_model({.model = {.model = model_}}));
    }
    session->cancel();
  }

  static void read_one(Mine& mine) {
    if (const auto event = mine.request->try_next()) mine.entry->read(*event);
  }
  static void read_all(Mine& mine) {
    while (!mine.request->over()) {
      if (const auto event = mine.request->next(std::chrono::seconds(1))) mine.entry->read(*event);
    }
  }

  static holder::WhileBusy while_busy(std::mt19937& random) {
    return std::array{holder::WhileBusy::Wait, holder::WhileBusy::Cancel,
                      holder::WhileBusy::Refuse}[random() % 3];
  }

  void submit(Session& session, std::mt19937& random, std::vector<Mine>& mine) {
    Prompt prompt = Prompt::user("hello");
    if (random() % 8 == 0) prompt = Prompt::warm("hel");
    if (random() % 8 == 0) prompt = Prompt::regenerate();
    if (random() % 8 == 0) prompt = Prompt::tokens({65, 66, 67});
    auto state = engine_->scheduler().submit(session.core(), std::move(prompt),
                                             {.max_tokens = 8, .sampler = {.temperature = 0}});
    if (!state.ok()) return;  // Busy
    const auto entry = std::make_shared<Entry>(Entry{.state = *state});
    mine.push_back({entry, std::make_unique<Request>(*state)});
    const std::lock_guard lock(mutex_);
    submitted_.push_back(entry);
  }

  // Another session, or a fork, in a place; the one before goes, whatever it is doing.
  void replace(size_t index, std::mt19937& random) {
    std::shared_ptr<Session> fresh = random() % 2 == 0 ? session_at(random() % kSessions)->fork()
                                                       : engine_->new_session({.now_seconds = 0});
    const std::lock_guard lock(slots_[index].mutex);
    slots_[index].session.swap(fresh);
  }

  std::shared_ptr<Engine> engine_;
  const std::string model_;
  const int operations_;
  std::array<Slot, kSessions> slots_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Entry>> submitted_;
};

}  // namespace etb::testing
