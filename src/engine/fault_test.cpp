// What goes wrong around an engine: memory that runs out at any allocation, files that are not what
// they were, a disk that is full, readers that stall or go, clocks that jump. Each time: a typed
// error, the session at its last whole turn, everybody else as before, the engine usable.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <climits>
#include <csignal>

#include "engine/testing/byte_model.h"
#include "kv/test_allocations.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

using runner::FakeRunner;

// Two conversations on one model: one gets into trouble, the other must not notice.
struct Scene {
  TestFolder folder;
  std::shared_ptr<FakeRunner> runner = testing::byte_runner("abcabcabc fine", 1024);
  std::shared_ptr<Engine> engine = testing::engine_on(runner, options());
  std::unique_ptr<Session> session = engine->new_session({.system = "sys", .now_seconds = 0});
  std::unique_ptr<Session> other = engine->new_session({.system = "sys", .now_seconds = 0});

  EngineOptions options() const {
    EngineOptions options;
    options.pool.folder = folder.path("pool");
    options.monitor.period_ms = 0;
    return options;
  }
  Result<Answer> ask(Session& asked, std::string text) {
    ETB_ASSIGN_OR_RETURN(const auto request, asked.submit(Prompt::user(std::move(text))));
    return request->wait();
  }
};

// The last event's status of a request whose reader is not part of the trouble. Ok: answered.
Status told(RequestState& state) {
  for (;;) {
    const auto event = state.events.pop(std::chrono::seconds(30));
    if (!event) return {StatusCode::Internal, "no terminal event came"};
    if (event->kind == EventKind::Done) return {};
    if (event->kind == EventKind::Failed) return event->status;
  }
}

class NoMemory : public ::testing::TestWithParam<long> {};
// One allocation fails, or all of them from there on.
INSTANTIATE_TEST_SUITE_P(Failures, NoMemory, ::testing::Values(1, LONG_MAX));

TEST_P(NoMemory, AtAnyAllocationOfTheEnginesThreadsEndsTheRequestAndNothingElse) {
  Scene scene;
  ASSERT_TRUE(scene.ask(*scene.other, "Remember me").ok());
  const size_t others = scene.other->messages().size();
  long failed = 0;
  bool over = false;
  for (long nth = 0; !over && !HasFatalFailure(); ++nth) {
    const size_t before = scene.session->messages().size();
    Status status;
    {
      const SparedThread spared;  // the app's; the engine's are not
      fail_allocation(nth, GetParam());
      auto state = scene.engine->scheduler().submit(scene.session->core(), Prompt::user("Hello"),
                                                    {.logprobs = 1});
      status = state.ok() ? told(**state) : state.status();
      over = fail_allocation(-1) > 0 && status.ok();
    }
    const auto messages = scene.session->messages();
    if (status.ok()) {
      ASSERT_EQ(messages.size(), before + 2) << nth;
      scene.session->reset();
    } else {
      ASSERT_EQ(status.code(), StatusCode::OutOfMemory) << nth << ": " << status.to_string();
      ASSERT_FALSE(status.message().empty());
      ASSERT_EQ(messages.size(), before) << nth;
      ++failed;
    }
    if (nth % 16 == 0) {
      ASSERT_TRUE(scene.ask(*scene.session, "Still there?").ok()) << nth;
      scene.session->reset();
    }
  }
  EXPECT_GT(failed, 50);
  EXPECT_EQ(scene.other->messages().size(), others);
  const auto last = scene.ask(*scene.other, "And now?");
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->text, "abcabcabc fine");
  EXPECT_EQ(scene.engine->holder().status().admitted, 0u) << "no place is lost";
}

// Runs `work` on what `prepare` made with the nth allocation failing, for each n until none is left
// to fail; its thread is not spared. What is thrown comes through here.
template <class Prepare, class Work, class After>
long fail_each(const Prepare& prepare, const Work& work, const After& after) {
  long failed = 0;
  for (long nth = 0;; ++nth) {
    auto prepared = prepare();
    fail_allocation(nth);
    const Status status = work(prepared);
    const bool over = fail_allocation(-1) > 0;
    if (!status.ok()) {
      EXPECT_EQ(status.code(), StatusCode::OutOfMemory) << nth << ": " << status.to_string();
      ++failed;
    }
    after(status);
    if (over || ::testing::Test::HasFailure()) return failed;
  }
}

struct Asked {
  Prompt prompt = Prompt::user("Hi");
  GenerateOptions options = {};
};

TEST(NoMemory, WhileAskingAndReadingIsAStatusToo) {
  Scene scene;
  const long failed = fail_each(
      [] { return Asked(); },
      [&](Asked& asked) {
        auto request = scene.session->submit(std::move(asked.prompt), std::move(asked.options));
        return request.ok() ? (*request)->wait().status() : request.status();
      },
      [&](const Status&) { scene.session->reset(); });
  EXPECT_GT(failed, 20);
  EXPECT_TRUE(scene.ask(*scene.session, "Hi").ok());
  EXPECT_EQ(scene.engine->holder().status().admitted, 0u);
}

TEST(NoMemory, WhileTheModelComesBackOrGoes) {
  Scene scene;
  ASSERT_TRUE(scene.ask(*scene.session, std::string(100, 'q')).ok());
  const auto unload = [&] {
    static_cast<void>(scene.engine->holder().unload(holder::WhileBusy::Wait, nullptr));
    return Asked();
  };
  const auto ask = [&](Asked& asked) {
    const SparedThread spared;
    auto state = scene.engine->scheduler().submit(scene.session->core(), std::move(asked.prompt),
                                                  std::move(asked.options));
    return state.ok() ? told(**state) : state.status();
  };
  EXPECT_GT(fail_each(unload, ask, [&](const Status&) { scene.session->reset(); }), 50);
  EXPECT_TRUE(scene.ask(*scene.session, "Hi").ok());
  scene.engine->holder().run([](holder::Resident*) {});
  EXPECT_EQ(scene.engine->status().state, holder::HolderState::Ready);
}

TEST(NoMemory, WhileSavingRestoringAndEditing) {
  Scene scene;
  ASSERT_TRUE(scene.ask(*scene.session, std::string(100, 'q')).ok());
  const std::string path = scene.folder.path("talk.etbs");
  ASSERT_TRUE(scene.session->save(path).ok());
  const std::string whole = scene.folder.read("talk.etbs");
  const auto same_file = [&](const Status&) { EXPECT_EQ(scene.folder.read("talk.etbs"), whole); };
  EXPECT_GT(fail_each([] { return 0; }, [&](int) { return scene.session->save(path); }, same_file),
            5);
  EXPECT_GT(fail_each([] { return SessionOptions(); },
                      [&](SessionOptions& options) {
                        return scene.engine->restore_session(path, std::move(options)).status();
                      },
                      same_file),
            5);
  EXPECT_GT(fail_each([] { return std::string("a text that is not so short"); },
                      [&](std::string& text) { return scene.session->edit(1, std::move(text)); },
                      [&](const Status& status) {
                        EXPECT_EQ(scene.session->messages().size(), status.ok() ? 2u : 3u);
                      }),
            2);
}

class SavedFile : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(scene_.ask(*scene_.session, std::string(100, 'q')).ok());
    ASSERT_TRUE(scene_.session->save(path_).ok());
    whole_ = scene_.folder.read("talk.etbs");
  }
  Status restore(const std::string& bytes) {
    scene_.folder.write("other.etbs", bytes);
    return scene_.engine->restore_session(scene_.folder.path("other.etbs"), {}).status();
  }
  Scene scene_;
  const std::string path_ = scene_.folder.path("talk.etbs");
  std::string whole_;
};

TEST_F(SavedFile, CutAnywhereIsCorrupt) {
  EXPECT_TRUE(restore(whole_).ok());
  for (size_t size = 0; size < whole_.size(); size += 1 + size / 16) {
    const Status status = restore(whole_.substr(0, size));
    EXPECT_EQ(status.code(), StatusCode::Corrupt) << size << ": " << status.to_string();
    EXPECT_NE(status.message().find("other.etbs"), std::string_view::npos);
  }
  EXPECT_EQ(scene_.engine->restore_session(scene_.folder.path("none"), {}).status().code(),
            StatusCode::NotFound);
}

TEST_F(SavedFile, ABitFlippedAnywhereIsRefused) {
  for (size_t at = 0; at < whole_.size(); at += 1 + at / 64) {
    std::string bytes = whole_;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    const Status status = restore(bytes);
    EXPECT_TRUE(status.code() == StatusCode::Corrupt || status.code() == StatusCode::Unsupported)
        << at << ": " << status.to_string();
  }
  EXPECT_EQ(scene_.session->messages().size(), 3u);
  EXPECT_TRUE(scene_.ask(*scene_.session, "Hi").ok());
}

// RLIMIT_FSIZE: the system refuses to write on, as a full disk does.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(SavedFile, StaysWholeWhenTheDiskIsFull) {
  ASSERT_TRUE(scene_.ask(*scene_.session, "More").ok());
  const size_t files = scene_.folder.count();
  {
    const FullDisk full(512);
    const Status status = scene_.session->save(path_);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find("talk.etbs"), std::string_view::npos) << status.to_string();
  }
  EXPECT_EQ(scene_.folder.read("talk.etbs"), whole_);
  EXPECT_EQ(scene_.folder.count(), files) << "no half a file is left";
  EXPECT_TRUE(scene_.session->save(path_).ok());
}

TEST_F(SavedFile, AFullDiskAtParkingCostsOnlyWhatWasComputed) {
  {
    const FullDisk full(512);
    ASSERT_TRUE(scene_.engine->holder().unload(holder::WhileBusy::Wait, nullptr).ok());
    scene_.engine->holder().run([](holder::Resident*) {});
  }
  const auto answer = scene_.ask(*scene_.session, "Still there?");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->cached_tokens, 0u);
  EXPECT_EQ(answer->text, "abcabcabc fine");
}

TEST(Parked, FilesGoWithTheirSessionAndWithTheNextRun) {
  TestFolder folder;
  folder.write("parked-77.etbs", "left by another run");
  folder.write("mine.txt", "of somebody else");
  EngineOptions options;
  options.pool.folder = folder.path();
  const auto engine = testing::engine_on(testing::byte_runner("ok", 1024), options);
  EXPECT_EQ(folder.count(), 1u);
  auto session = engine->new_session({.now_seconds = 0});
  static_cast<void>((*session->submit(Prompt::user(std::string(100, 'q'))))->wait());
  ASSERT_TRUE(engine->holder().unload(holder::WhileBusy::Wait, nullptr).ok());
  engine->holder().run([](holder::Resident*) {});
  EXPECT_EQ(folder.count(), 2u);
  session.reset();
  engine->holder().run([](holder::Resident* resident) { EXPECT_EQ(resident, nullptr); });
  EXPECT_EQ(folder.count(), 1u) << "although no model is there";
}

TEST(Readers, ThatStallHoldUpNobodyAndFindEverything) {
  Scene scene;
  const auto stalled = scene.session->submit(Prompt::user("Hello"));
  ASSERT_TRUE(stalled.ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(scene.ask(*scene.other, "quick").ok());
  const auto answer = (*stalled)->wait();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "abcabcabc fine");
  EXPECT_FALSE((*stalled)->next(std::chrono::nanoseconds::max()).has_value()) << "and no more";
}

TEST(Clocks, ThatJumpSpoilNoAnswer) {
  testing::ManualClock clock;
  runner::FakeModel model{.vocab_size = testing::kVocab,
                          .context = 512,
                          .script = testing::replying("one two three four five six seven")};
  int chunks = 0;
  model.before_chunk = [&](uint32_t) {
    clock.advance_ms(++chunks % 2 == 0 ? 86'400'000 : -90'000'000);
    return Status();
  };
  const auto engine = testing::engine_on(FakeRunner::make(model), {.clock = &clock});
  const auto session = engine->new_session({.now_seconds = 0});
  auto request = session->submit(Prompt::user("Count"));
  ASSERT_TRUE(request.ok());
  std::string shown;
  const auto answer = (*request)->wait([&](std::string_view text) { shown += text; });
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->text, "one two three four five six seven");
  EXPECT_EQ(shown, answer->text);
  EXPECT_EQ(answer->finish_reason, FinishReason::Stop);
}

// A template under which nothing can be known before the message is whole, or nothing at all.
TEST(Templates, ThatSayNothingAreNoPromptAndNothingToWarm) {
  for (const std::string source : {"{{ messages[-1].content }}", "{{ '' }}"}) {
    EngineOptions options;
    options.model.model = "byte-model";
    options.loader = [&](const ModelOptions&, const LoadProgress&,
                         const CancelToken*) -> Result<std::unique_ptr<LoadedModel>> {
      ModelBundle bundle = testing::byte_bundle();
      bundle.chat_template = std::make_shared<prompt::ChatTemplate>(
          std::move(prompt::ChatTemplate::parse(source)).value());
      return LoadedModel::from_parts(std::move(bundle), testing::byte_runner("ok"));
    };
    auto engine = Engine::load(options);
    ASSERT_TRUE(engine.ok());
    const auto session = (*engine)->new_session({.now_seconds = 0});
    auto warming = session->submit(Prompt::warm(""));
    ASSERT_TRUE(warming.ok());
    const auto warmed = (*warming)->wait();
    ASSERT_TRUE(warmed.ok()) << warmed.status().to_string();
    EXPECT_EQ(warmed->prompt_tokens, 0u);
    auto request = session->submit(Prompt::user("Hi"));
    ASSERT_TRUE(request.ok());
    const auto answer = (*request)->wait();
    const bool empty = source == "{{ '' }}";
    EXPECT_EQ(answer.status().code(), empty ? StatusCode::InvalidArgument : StatusCode::Ok);
  }
}

}  // namespace
}  // namespace etb
