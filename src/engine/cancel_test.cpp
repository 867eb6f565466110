// A request that is stopped, in each place where it can be: whoever stops it - its reader, the end
// of its session, the end of the engine - it ends once, as cancelled, and what was there before is
// there after it.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "engine/request_state.h"
#include "engine/testing/byte_model.h"

namespace etb {
namespace {

enum class Place { Queue, Load, Render, Prefill, Decode, Summary };
enum class How { Cancel, SessionGoes, AllGoes };

// Where the request that is to be stopped halts, until its token is set.
class Halt {
 public:
  void arm() { armed_ = true; }
  void pass() {
    if (!armed_.exchange(false)) return;
    reached_.set_value();
    // Held here: the request may have ended, and gone, before this thread hears of it.
    const std::shared_ptr<const CancelToken> token = token_.get_future().get();
    while (!token->cancelled()) std::this_thread::yield();
  }
  void wait_until_reached() { reached_.get_future().wait(); }
  void set_token(std::shared_ptr<const CancelToken> token) { token_.set_value(std::move(token)); }

 private:
  std::atomic<bool> armed_{false};
  std::promise<void> reached_;
  std::promise<std::shared_ptr<const CancelToken>> token_;
};

// Rendering asks it for the time.
class HaltingClock final : public Clock {
 public:
  HaltingClock(Halt& halt, bool halts) : halt_(halt), halts_(halts) {}
  int64_t now_ns() const override { return Clock::system().now_ns(); }
  int64_t wall_seconds() const override {
    if (halts_) halt_.pass();
    return 0;
  }

 private:
  Halt& halt_;
  const bool halts_;
};

class Scene {
 public:
  explicit Scene(Place place) : place_(place), clock_(halt, place == Place::Render) {
    runner::FakeModel model{.vocab_size = testing::kVocab,
                            .context = 640,
                            .chunk = 640,
                            .has_forward_all = false,
                            .script = testing::replying("so it was, so it is")};
    model.before_chunk = [this](uint32_t) {
      ++chunks_;
      const bool in_prefill = place_ == Place::Prefill && chunks_ == 1;
      const bool later = place_ == Place::Decode || place_ == Place::Summary;
      if (in_prefill || (later && chunks_ == 6)) halt.pass();
      return Status();
    };
    runner_ = runner::FakeRunner::make(std::move(model));
    EngineOptions options{.clock = &clock_};
    options.model.model = "byte-model";
    options.loader = [this](const ModelOptions&, const LoadProgress&,
                            const CancelToken*) -> Result<std::unique_ptr<LoadedModel>> {
      if (place_ == Place::Load) halt.pass();
      return LoadedModel::from_parts(testing::byte_bundle(), runner_);
    };
    engine = std::move(Engine::load(options)).value();
    session = engine->new_session({.history = {.kind = HistoryKind::Summarise}});
  }

  Answer ask() {
    chunks_ = 0;
    auto request = session->submit(Prompt::user("a question"), {.max_tokens = 32});
    EXPECT_TRUE(request.ok());
    auto answer = (*request)->wait();
    EXPECT_TRUE(answer.ok()) << answer.status().to_string();
    return answer.ok() ? *answer : Answer();
  }
  // Turns after which the next one begins with a summary.
  static int turns_before_a_summary() {
    Scene twin(Place::Queue);
    int turns = 0;
    while (twin.ask().summarised_messages == 0 && turns < 100) ++turns;
    return turns;
  }
  void halt_next() {
    chunks_ = 0;
    halt.arm();  // first: what is posted below may run at once
    if (place_ == Place::Load) {
      EXPECT_TRUE(engine->holder().unload(holder::WhileBusy::Wait, nullptr).ok());
    }
    if (place_ == Place::Queue) {
      engine->holder().post([this](holder::Resident*) { halt.pass(); });
    }
  }

  Halt halt;

 private:
  const Place place_;
  HaltingClock clock_;
  std::atomic<int> chunks_{0};  // of the request that runs
  std::shared_ptr<runner::FakeRunner> runner_;

 public:  // after all that its threads use
  std::shared_ptr<Engine> engine;
  std::unique_ptr<Session> session;
};

// All events to the last; how many of them were terminal.
int read_to_the_end(RequestState& state, Event& last) {
  int terminal = 0;
  while (!state.events.exhausted()) {
    auto event = state.events.pop(std::chrono::seconds(30));
    if (!event) return -1;
    last = std::move(*event);
    if (last.kind == EventKind::Done || last.kind == EventKind::Failed) ++terminal;
  }
  return terminal;
}

class Stopped : public ::testing::TestWithParam<std::tuple<Place, How>> {};
INSTANTIATE_TEST_SUITE_P(
    Everywhere, Stopped,
    ::testing::Combine(::testing::Values(Place::Queue, Place::Load, Place::Render, Place::Prefill,
                                         Place::Decode, Place::Summary),
                       ::testing::Values(How::Cancel, How::SessionGoes, How::AllGoes)));

TEST_P(Stopped, EndsOnceAsCancelled) {
  const auto [place, how] = GetParam();
  Scene scene(place);
  const int turns = place == Place::Summary ? Scene::turns_before_a_summary() : 2;
  for (int i = 0; i < turns; ++i) scene.ask();
  const auto before = scene.session->messages();

  scene.halt_next();
  auto state = scene.engine->scheduler().submit(scene.session->core(), Prompt::user("more"),
                                                {.max_tokens = 32});
  ASSERT_TRUE(state.ok());
  scene.halt.wait_until_reached();
  // Behind it, so not begun yet.
  auto waiting = scene.engine->scheduler().submit(scene.session->core(), Prompt::user("then"), {});
  ASSERT_TRUE(waiting.ok());
  Event last, last_waiting;
  std::thread stopper([&, how = how] {
    if (how == How::Cancel) {
      scene.session->cancel();
    } else {
      scene.session.reset();
      if (how == How::AllGoes) scene.engine.reset();
    }
  });
  if (place == Place::Queue) {
    // It does not wait for what occupies the model thread.
    EXPECT_EQ(read_to_the_end(**state, last), 1);
    scene.halt.set_token((*state)->cancel);
  } else {
    scene.halt.set_token((*state)->cancel);
    EXPECT_EQ(read_to_the_end(**state, last), 1);
  }
  EXPECT_EQ(read_to_the_end(**waiting, last_waiting), 1);
  stopper.join();
  for (const Event& event : {last, last_waiting}) {
    ASSERT_EQ(event.kind, EventKind::Done) << event.status.to_string();
    EXPECT_EQ(event.answer->finish_reason, FinishReason::Cancelled);
  }
  if (how != How::Cancel) return;
  const auto after = scene.session->messages();
  if (place == Place::Decode) {
    ASSERT_EQ(after.size(), before.size() + 2) << "what was said stays";
    EXPECT_EQ(after.back().content, "so it");
    EXPECT_EQ(last.answer->text, "so it");
  } else {
    EXPECT_EQ(after.size(), before.size());
    EXPECT_TRUE(last.answer->ids.empty());
  }
  EXPECT_EQ(scene.ask().text, "so it was, so it is");
  EXPECT_EQ(scene.engine->holder().status().admitted, 0u);
}

// Two engines take the one holder from each other.
TEST(SharedHolder, WhatWasSaidGoesOnWhicheverModelWasThere) {
  const auto holder = std::make_shared<holder::RunnerHolder>();
  const auto engine_of = [&](const std::string& reply) {
    EngineOptions options{.holder = holder};
    options.model.model = reply;
    options.loader = [reply](const ModelOptions&, const LoadProgress&,
                             const CancelToken*) -> Result<std::unique_ptr<LoadedModel>> {
      return LoadedModel::from_parts(testing::byte_bundle(), testing::byte_runner(reply));
    };
    return std::move(Engine::load(options)).value();
  };
  const auto a = engine_of("from a"), b = engine_of("from b");
  const auto of_a = a->new_session({.now_seconds = 0}), of_b = b->new_session({.now_seconds = 0});
  for (int turn = 0; turn < 5; ++turn) {
    auto first = of_a->submit(Prompt::user("?")), second = of_b->submit(Prompt::user("?"));
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ((*first)->wait()->text, "from a");
    EXPECT_EQ((*second)->wait()->text, "from b");
  }
  EXPECT_EQ(of_a->messages().size(), 10u);
  EXPECT_TRUE(a->with_model([](LoadedModel& model) {
                 EXPECT_EQ(model.info()->bundle.path, "byte-model");
                 return Status();
               }).ok());
}

TEST(Loads, ThatFailLeaveTheModelBefore) {
  const auto runner = testing::byte_runner("here");
  EngineOptions options;
  options.model.model = "good";
  options.loader = [&](const ModelOptions& asked, const LoadProgress&,
                       const CancelToken*) -> Result<std::unique_ptr<LoadedModel>> {
    if (asked.model == "bad") return Status(StatusCode::Corrupt, "damaged");
    return LoadedModel::from_parts(testing::byte_bundle(), runner);
  };
  const auto engine = std::move(Engine::load(options)).value();
  const auto session = engine->new_session({.now_seconds = 0});
  const auto done = std::make_shared<std::promise<Status>>();
  ASSERT_TRUE(engine
                  ->load_model({.model = {.model = "bad"},
                                .done = [done](const Status& status) { done->set_value(status); }})
                  .ok());
  EXPECT_EQ(done->get_future().get().code(), StatusCode::Corrupt);
  auto request = session->submit(Prompt::user("Hi"));
  ASSERT_TRUE(request.ok());
  const auto answer = (*request)->wait();
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->text, "here");
}

TEST(Loads, OfAPathThatCannotBeOpenedKeepWhatIsResident) {
  const auto holder = std::make_shared<holder::RunnerHolder>();
  const auto engine = testing::engine_on(testing::byte_runner("here"), {.holder = holder});
  const uint64_t generation = holder->status().generation;
  const auto real = Engine::create({.holder = holder});
  const auto done = std::make_shared<std::promise<Status>>();
  ASSERT_TRUE(real->load_model({.model = {.model = "/nowhere/model.gguf"},
                                .done = [done](const Status& s) { done->set_value(s); }})
                  .ok());
  EXPECT_EQ(done->get_future().get().code(), StatusCode::NotFound);
  EXPECT_EQ(holder->status().state, holder::HolderState::Ready);
  EXPECT_EQ(holder->status().generation, generation);
}

TEST(Changes, ThatAreRefusedStopNothing) {
  const auto engine = testing::engine_on(testing::byte_runner("here"));
  const auto session = engine->new_session({.now_seconds = 0});
  std::promise<void> release;
  engine->holder().post(
      [released = release.get_future().share()](holder::Resident*) { released.wait(); });
  auto request = session->submit(Prompt::user("Hi"));
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(session->edit(7, "x").code(), StatusCode::InvalidArgument);
  EXPECT_EQ(session->pin(7, true).code(), StatusCode::InvalidArgument);
  release.set_value();
  EXPECT_EQ((*request)->wait()->text, "here");
  EXPECT_EQ(session->messages().size(), 2u);
}

}  // namespace
}  // namespace etb
