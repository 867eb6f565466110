// What an engine gives up when memory gets tight, and when: recorded trees of cgroup v1, v2 and PSI
// for a machine, a clock that the test moves, a scripted model. Each step is seen twice: as an
// event, and in what it does.
#include "engine/monitor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "engine/testing/byte_model.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

using memory::PressureLevel;
using memory::ThermalLevel;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kLimit = 400 * kMiB;
constexpr const char* kLongText =
    "a question of so many words that to compute them again is worth being spared";

enum class Kind { CgroupV1, CgroupV2, Psi };

// A machine with room, until others take it.
class Machine {
 public:
  explicit Machine(Kind kind) : kind_(kind) {
    root_.write("proc/self/status", "VmRSS:\t 90000 kB\nRssAnon:\t 80000 kB\n");
    root_.write("proc/self/stat", "1 (app) S 1 1 1 0 -1 0 10 0 0 0\n");
    root_.write("proc/self/cgroup", kind == Kind::CgroupV1 ? "4:memory:/app\n" : "0::/app\n");
    root_.write("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n");
    set(PressureLevel::None);
  }
  const std::string root() const { return root_.path(); }

  void set(PressureLevel level) {
    level_ = level;
    const auto at = static_cast<size_t>(level);
    if (kind_ == Kind::Psi) return write_stalls();
    const std::array used{kLimit / 2, kLimit / 100 * 95, kLimit / 100 * 99};
    if (kind_ == Kind::CgroupV1) {
      group("memory/app/memory.limit_in_bytes", kLimit);
      group("memory/app/memory.usage_in_bytes", used[at]);
      root_.write("sys/fs/cgroup/memory/app/memory.stat", "total_active_file 0\n");
    } else {
      group("app/memory.max", kLimit);
      group("app/memory.current", used[at]);
      root_.write("sys/fs/cgroup/app/memory.stat", "active_file 0\n");
    }
  }
  void pass_second() {
    if (kind_ != Kind::Psi) return;
    if (level_ >= PressureLevel::Warning) some_us_ += 400'000;
    if (level_ == PressureLevel::Critical) full_us_ += 400'000;
    write_stalls();
  }
  void set_temperature(int thousandths) {
    const std::string zone = "sys/class/thermal/thermal_zone0/";
    root_.write(zone + "type", "cpu-thermal\n");
    root_.write(zone + "temp", std::to_string(thousandths) + "\n");
    root_.write(zone + "trip_point_0_type", "passive\n");
    root_.write(zone + "trip_point_0_temp", "85000\n");
  }

 private:
  void group(const std::string& file, uint64_t bytes) {
    root_.write("sys/fs/cgroup/" + file, std::to_string(bytes) + "\n");
  }
  // What the kernel counts: in a second of pressure some tasks, or all of them, wait for 0.4 s.
  void write_stalls() {
    const auto line = [](const char* who, const char* averages, uint64_t total) {
      return std::string(who) + averages + " avg300=0.00 total=" + std::to_string(total) + "\n";
    };
    const bool some = level_ >= PressureLevel::Warning;
    const bool full = level_ == PressureLevel::Critical;
    const char* const high = " avg10=40.00 avg60=20.00";
    const char* const none = " avg10=0.00 avg60=0.00";
    root_.write(
        "sys/fs/cgroup/app/memory.pressure",
        line("some", some ? high : none, some_us_) + line("full", full ? high : none, full_us_));
  }

  TestFolder root_;
  Kind kind_;
  PressureLevel level_ = PressureLevel::None;
  uint64_t some_us_ = 0;
  uint64_t full_us_ = 0;
};

// An engine on that machine, and what it told.
class Scene {
 public:
  explicit Scene(Kind kind, runner::FakeModel model, int64_t idle_unload_ms = 0,
                 unsigned threads = 1)
      : machine(kind), runner(runner::FakeRunner::make(std::move(model))) {
    runner->set_threads(threads);
    EngineOptions options;
    options.model.memory.root = machine.root();
    options.pool.folder = parked_.path();
    options.clock = &clock;
    options.monitor.period_ms = 0;
    options.monitor.idle_unload_ms = idle_unload_ms;
    options.monitor.on_event = [this](const EngineEvent& event) { events.push_back(event); };
    engine = testing::engine_on(runner, options);
  }
  explicit Scene(Kind kind, uint32_t context = 2048) : Scene(kind, byte_model("fine", context)) {}

  static runner::FakeModel byte_model(std::string reply, uint32_t context) {
    return {.vocab_size = testing::kVocab,
            .context = context,
            .chunk = 512,
            .has_forward_all = false,
            .script = testing::replying(std::move(reply))};
  }

  std::unique_ptr<Session> session() { return engine->new_session({.now_seconds = 0}); }
  Answer ask(Session& session, std::string text, const GenerateOptions& options = {}) {
    auto request = session.submit(Prompt::user(std::move(text)), options);
    EXPECT_TRUE(request.ok());
    auto answer = (*request)->wait();
    EXPECT_TRUE(answer.ok()) << answer.status().to_string();
    settle();
    return answer.ok() ? *answer : Answer();
  }
  // Seconds go by, with a look each.
  void live(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock.advance_ms(1000);
      machine.pass_second();
      engine->monitor().tick();
      settle();
    }
  }
  void settle() {
    engine->holder().run([](holder::Resident*) {});
  }
  // Until an event of the kind comes; what came meanwhile is in `events`.
  bool live_until(EngineEventKind kind, int most_seconds = 30) {
    const size_t before = count(kind);
    for (int i = 0; i < most_seconds && count(kind) == before; ++i) live(1);
    return count(kind) > before;
  }
  size_t count(EngineEventKind kind) const {
    return static_cast<size_t>(std::count_if(events.begin(), events.end(),
                                             [&](const EngineEvent& e) { return e.kind == kind; }));
  }
  std::vector<EngineEventKind> steps() const {
    std::vector<EngineEventKind> kinds;
    for (const EngineEvent& event : events) {
      if (event.kind != EngineEventKind::MemoryPressure) kinds.push_back(event.kind);
    }
    return kinds;
  }
  PoolUse pool_use() {
    PoolUse use;
    engine->holder().run([&](holder::Resident* resident) {
      if (resident != nullptr) use = static_cast<LoadedModel&>(*resident).pool().use();
    });
    return use;
  }
  uint32_t context() { return engine->scheduler().context_limit(runner->model().context); }

  Machine machine;
  testing::ManualClock clock;
  std::shared_ptr<runner::FakeRunner> runner;
  std::vector<EngineEvent> events;  // by tick()
  std::shared_ptr<Engine> engine;

 private:
  TestFolder parked_;
};

class Pressure : public ::testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Trees, Pressure,
                         ::testing::Values(Kind::CgroupV1, Kind::CgroupV2, Kind::Psi));

TEST_P(Pressure, WithoutItNothingHappens) {
  Scene scene(GetParam());
  const auto session = scene.session();
  scene.ask(*session, kLongText);
  scene.live(300);
  EXPECT_TRUE(scene.events.empty());
}

TEST_P(Pressure, EverythingIsGivenUpInOrderAndComesBack) {
  Scene scene(GetParam());
  {
    const auto closed = scene.session();
    scene.ask(*closed, "Another question, of which the store keeps what was computed for it.");
  }
  const auto session = scene.session();
  scene.ask(*session, kLongText);
  ASSERT_GT(scene.pool_use().prefix_bytes, 0u);
  const uint32_t used = session->use().positions;
  ASSERT_GT(used, 64u);

  scene.machine.set(PressureLevel::Warning);
  ASSERT_TRUE(scene.live_until(EngineEventKind::PrefixesDropped));
  EXPECT_EQ(scene.pool_use().prefix_bytes, 0u);
  EXPECT_EQ(scene.context(), 2048u) << "one step at a time";
  ASSERT_TRUE(scene.live_until(EngineEventKind::ContextChanged));
  EXPECT_EQ(scene.context(), 512u) << "what nobody uses yet";
  EXPECT_EQ(session->use().positions, used) << "what is used fits: it stays";
  EXPECT_EQ(session->use().context, 512u);
  ASSERT_TRUE(scene.live_until(EngineEventKind::SessionsParked));
  EXPECT_EQ(scene.pool_use().sequences, 0u);
  scene.live(60);
  EXPECT_EQ(scene.count(EngineEventKind::Unloaded), 0u) << "a warning takes no model away";

  // From the disk, not computed again.
  const Answer back = scene.ask(*session, "And?", {.lookup = false});
  EXPECT_EQ(back.cached_tokens, used);

  scene.machine.set(PressureLevel::Critical);
  ASSERT_TRUE(scene.live_until(EngineEventKind::Unloaded));
  EXPECT_EQ(scene.engine->status().state, holder::HolderState::Empty);
  EXPECT_EQ(scene.engine->model(), nullptr);
  const std::vector<EngineEventKind> steps = scene.steps();
  EXPECT_EQ(std::vector(steps.begin(), steps.begin() + 3),
            (std::vector{EngineEventKind::PrefixesDropped, EngineEventKind::ContextChanged,
                         EngineEventKind::SessionsParked}));
  EXPECT_EQ(scene.count(EngineEventKind::Unloaded), 1u);
  for (const EngineEvent& event : scene.events) EXPECT_FALSE(event.reason.empty());

  scene.machine.set(PressureLevel::None);
  const Answer again = scene.ask(*session, "Still there?");
  EXPECT_EQ(again.text, "fine");
  EXPECT_GT(again.cached_tokens, back.prompt_tokens);
  EXPECT_EQ(scene.engine->status().generation, 2u);
  EXPECT_EQ(session->messages().size(), 6u);
}

TEST_P(Pressure, TheContextGrowsBackStepByStepAfterCalm) {
  Scene scene(GetParam());
  const auto session = scene.session();
  scene.ask(*session, kLongText);
  scene.machine.set(PressureLevel::Warning);
  ASSERT_TRUE(scene.live_until(EngineEventKind::ContextChanged));
  scene.machine.set(PressureLevel::None);
  scene.events.clear();
  scene.live(100);
  EXPECT_EQ(scene.count(EngineEventKind::ContextChanged), 0u) << "not before a long calm";
  scene.live(400);
  std::vector<int64_t> contexts;
  for (const EngineEvent& event : scene.events) {
    if (event.kind == EngineEventKind::ContextChanged) contexts.push_back(event.value);
  }
  EXPECT_EQ(contexts, (std::vector<int64_t>{1024, 2048}));
  EXPECT_EQ(scene.context(), 2048u);
}

// A long answer in the making, and a machine that gets into need when it has a thousand tokens.
TEST(PressureOnAnAnswer, EndsItWithLengthAtTheNextTokenAndPrunesTheNextTurn) {
  Scene* running = nullptr;
  runner::FakeModel model = Scene::byte_model(std::string(3000, 'x'), 4096);
  uint32_t last_position = 0;
  model.before_chunk = [&](uint32_t position) {
    last_position = position;
    if (running == nullptr) return Status();
    if (position == 999) running->engine->monitor().tick();  // has the model thread look
    if (position == 1000) {
      running->machine.set(PressureLevel::Critical);
      running->clock.advance_ms(1000);
      running->engine->monitor().tick();
    }
    return Status();
  };
  Scene scene(Kind::CgroupV2, model);
  const auto idle = scene.session();
  scene.ask(*idle, std::string(600, 'i'), {.max_tokens = 1});
  EXPECT_GT(idle->use().positions, 600u);
  const auto session = scene.session();
  running = &scene;
  const Answer answer = scene.ask(*session, "Tell me everything");
  running = nullptr;
  EXPECT_EQ(answer.finish_reason, FinishReason::Length);
  EXPECT_EQ(last_position, 1000u) << "the pass that ran, and none after it";
  ASSERT_EQ(scene.steps(), std::vector{EngineEventKind::ContextChanged});
  EXPECT_EQ(scene.context(), 512u);
  EXPECT_EQ(session->messages().back().content, answer.text);
  EXPECT_EQ(idle->use().positions, 0u) << "emptied: it was longer";
  EXPECT_EQ(session->use().positions, 0u) << "so is the one that ran, once it is over";

  const Answer next = scene.ask(*session, "Shorter, please", {.max_tokens = 8});
  EXPECT_EQ(next.dropped_messages, 2u);
  EXPECT_LT(next.prompt_tokens, 512u);
  EXPECT_EQ(next.text, "xxxxxxxx");
}

TEST(PressureOnAnAnswer, APromptMadeForMoreContextIsMadeAnew) {
  Scene scene(Kind::CgroupV2, Scene::byte_model("ok", 4096));
  const auto session = scene.session();
  for (int i = 0; i < 4; ++i) scene.ask(*session, std::string(200, 'q'));
  std::promise<void> release;
  scene.engine->holder().post([&](holder::Resident*) { release.get_future().wait(); });
  auto request = session->submit(Prompt::user("One more"));
  ASSERT_TRUE(request.ok());
  // Prepared for the large context, and then there is less.
  while (scene.engine->holder().status().admitted == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  scene.engine->scheduler().set_context_limit(512);
  release.set_value();
  const auto answer = (*request)->wait();
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->text, "ok");
  EXPECT_GT(answer->dropped_messages, 0u);
}

TEST(PressureFromTheHost, IsActedUponEvenWhereTheSystemTellsNothing) {
  testing::ManualClock clock;
  const TestFolder empty;
  std::vector<EngineEvent> events;
  EngineOptions options{.clock = &clock};
  options.model.memory.root = empty.path();
  options.monitor = {.period_ms = 0,
                     .on_event = [&](const EngineEvent& e) { events.push_back(e); }};
  const auto engine = testing::engine_on(testing::byte_runner("ok", 2048), options);
  engine->monitor().tick();
  EXPECT_TRUE(events.empty());
  engine->tell_memory_pressure(PressureLevel::Warning);
  engine->monitor().tick();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EngineEventKind::MemoryPressure);
  EXPECT_EQ(events[0].value, static_cast<int64_t>(PressureLevel::Warning));
  EXPECT_EQ(events[1].kind, EngineEventKind::ContextChanged);
  EXPECT_EQ(events[1].value, 512);
}

TEST(PressureFromTheHost, WakesTheThreadThatWatches) {
  const Machine machine(Kind::CgroupV2);
  std::promise<EngineEvent> told;
  std::atomic<bool> once{false};
  EngineOptions options;
  options.model.memory.root = machine.root();
  options.monitor = {.period_ms = 3'600'000, .on_event = [&](const EngineEvent& event) {
                       if (!once.exchange(true)) told.set_value(event);
                     }};
  const auto engine = testing::engine_on(testing::byte_runner("ok", 2048), options);
  engine->tell_memory_pressure(PressureLevel::Critical);
  const EngineEvent event = told.get_future().get();
  EXPECT_EQ(event.kind, EngineEventKind::MemoryPressure);
  EXPECT_EQ(event.value, static_cast<int64_t>(PressureLevel::Critical));
}

unsigned threads_of(Scene& scene) {
  unsigned threads = 0;
  scene.engine->holder().run([&](holder::Resident* resident) {
    if (resident != nullptr) threads = resident->runner().meta().threads;
  });
  return threads;
}

TEST(Heat, TakesThreadsAwayAndGivesThemBack) {
  Scene scene(Kind::CgroupV2, Scene::byte_model("ok", 512), 0, 8);
  EXPECT_EQ(threads_of(scene), 8u);
  scene.engine->tell_thermal(ThermalLevel::Serious);
  std::vector<int64_t> down;
  scene.live(60);
  for (const EngineEvent& event : scene.events) down.push_back(event.value);
  EXPECT_EQ(down, (std::vector<int64_t>{7, 6, 5, 4}));
  EXPECT_EQ(threads_of(scene), 4u);
  scene.engine->tell_thermal(ThermalLevel::Critical);
  scene.live(1);
  EXPECT_EQ(threads_of(scene), 2u) << "at once";
  scene.events.clear();
  scene.engine->tell_thermal(ThermalLevel::Nominal);
  scene.live(400);
  EXPECT_EQ(scene.count(EngineEventKind::ThreadsChanged), 6u);
  EXPECT_EQ(threads_of(scene), 8u);
}

TEST(Heat, OfThermalZonesCountsAndAModelThatComesBackIsNotHotter) {
  testing::ManualClock clock;
  Machine machine(Kind::CgroupV1);
  machine.set_temperature(50'000);
  const auto runner = testing::byte_runner("ok");
  runner->set_threads(4);
  std::vector<EngineEvent> events;
  EngineOptions options{.clock = &clock};
  options.model.memory.root = machine.root();
  options.monitor = {.period_ms = 0,
                     .on_event = [&](const EngineEvent& e) { events.push_back(e); }};
  const auto engine = testing::engine_on(runner, options);
  const auto live = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock.advance_ms(1000);
      engine->monitor().tick();
    }
    engine->holder().run([](holder::Resident*) {});
  };
  live(60);
  EXPECT_TRUE(events.empty());
  machine.set_temperature(82'000);
  live(60);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events.back().value, 2);
  EXPECT_NE(events.back().reason.find("cpu-thermal"), std::string::npos) << events.back().reason;
  EXPECT_EQ(runner->meta().threads, 2u);
  // The same file again: it begins with all of its threads, and loses them at the next look.
  ASSERT_TRUE(engine->holder().unload(holder::WhileBusy::Wait, nullptr).ok());
  engine->holder().run([&](holder::Resident*) { runner->set_threads(4); });
  auto request = engine->new_session({.now_seconds = 0})->submit(Prompt::user("x"));
  static_cast<void>((*request)->wait());
  ASSERT_TRUE(engine->with_model([](LoadedModel&) { return Status(); }).ok());
  live(1);
  EXPECT_EQ(runner->meta().threads, 2u);
  machine.set_temperature(40'000);
  live(120);
  EXPECT_EQ(runner->meta().threads, 4u);
}

TEST(Idleness, UnloadsOnceAndTheNextRequestLoadsAgain) {
  Scene scene(Kind::CgroupV2, Scene::byte_model("ok", 512), 60'000);
  const auto session = scene.session();
  scene.ask(*session, "Hi");
  scene.live(59);
  EXPECT_TRUE(scene.events.empty());
  scene.live(30);
  ASSERT_EQ(scene.steps(), std::vector{EngineEventKind::Unloaded});
  EXPECT_EQ(scene.engine->model(), nullptr);
  EXPECT_EQ(scene.ask(*session, "Again").text, "ok");
  scene.live(59);
  EXPECT_EQ(scene.events.size(), 1u);
  scene.live(2);
  EXPECT_EQ(scene.events.size(), 2u);
}

TEST(Idleness, AClockThatJumpsIsNoRequestForEver) {
  Scene scene(Kind::CgroupV2, Scene::byte_model("ok", 512), 60'000);
  const auto session = scene.session();
  scene.ask(*session, "Hi");
  scene.clock.advance_ms(-3'600'000);
  scene.live(59);
  EXPECT_TRUE(scene.events.empty());
  scene.live(3);
  EXPECT_EQ(scene.steps(), std::vector{EngineEventKind::Unloaded});
  scene.ask(*session, "Again");
  scene.clock.advance_ms(1'000'000'000);
  scene.live(1);
  EXPECT_EQ(scene.steps().size(), 2u) << "a jump ahead looks like idleness, and costs a load";
}

}  // namespace
}  // namespace etb
