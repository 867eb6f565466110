// Session on a scripted model: what is fed, what is kept, how answers end, and what a conversation
// looks like after each kind of ending.
#include "engine/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "base/text.h"
#include "engine/testing/byte_model.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

using runner::FakeRunner;
using testing::kEnd;
using testing::kVocab;

struct Fixture {
  std::shared_ptr<FakeRunner> runner;
  std::shared_ptr<Engine> engine;
  std::unique_ptr<Session> session;
};

Fixture make(std::string reply, uint32_t context = 512, std::string system = "") {
  Fixture fixture;
  fixture.runner = testing::byte_runner(std::move(reply), context);
  fixture.engine = testing::engine_on(fixture.runner);
  fixture.session = fixture.engine->new_session({.system = std::move(system), .now_seconds = 0});
  return fixture;
}

Result<Answer> try_ask(Session& session, Prompt prompt, const GenerateOptions& options = {},
                       const TextSink& sink = {}) {
  ETB_ASSIGN_OR_RETURN(const auto request, session.submit(std::move(prompt), options));
  return request->wait(sink);
}

Answer ask(Session& session, Prompt prompt, const GenerateOptions& options = {}) {
  auto answer = try_ask(session, std::move(prompt), options);
  EXPECT_TRUE(answer.ok()) << answer.status().to_string();
  return answer.ok() ? *answer : Answer();
}

Answer ask(Fixture& f, std::string text, const GenerateOptions& options = {}) {
  return ask(*f.session, Prompt::user(std::move(text)), options);
}

TEST(Session, AnswersAndEndsAtTheStopId) {
  Fixture f = make("Hello!");
  std::string shown;
  auto answer =
      try_ask(*f.session, Prompt::user("Hi"), {}, [&](std::string_view text) { shown += text; });
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "Hello!");
  EXPECT_EQ(shown, "Hello!");
  EXPECT_EQ(answer->finish_reason, FinishReason::Stop);
  EXPECT_EQ(answer->ids.back(), kEnd);
  EXPECT_EQ(answer->prompt_tokens, answer->prompt_ids.size());
  ASSERT_EQ(f.session->messages().size(), 2u);
  EXPECT_EQ(f.session->messages()[1].content, "Hello!");
}

// Many models foretell more than their vocabulary has, to fill up a round number.
TEST(Session, WhatTheTokenizerDoesNotKnowIsNeverSaid) {
  const auto hello = testing::replying("hi");
  const auto runner =
      FakeRunner::make({.vocab_size = kVocab + 6, .script = [=](std::span<const TokenId> history) {
                          std::vector<float> logits = hello(history);
                          logits.resize(kVocab + 6, 99);
                          return logits;
                        }});
  const auto engine = testing::engine_on(runner);
  const auto session = engine->new_session({.now_seconds = 0});
  EXPECT_EQ(ask(*session, Prompt::user("?"), {.logprobs = 3}).text, "hi");
}

TEST(Session, TheNextTurnFeedsOnlyWhatIsNew) {
  Fixture f = make("Yes.");
  const Answer first = ask(f, "One");
  const uint64_t fed = f.runner->counts().ids;
  const Answer second = ask(f, "Two", {.lookup = false});
  // All of the first prompt and answer is in the cache, but for the stop id, which was never fed.
  EXPECT_EQ(second.cached_tokens, first.prompt_tokens + first.ids.size() - 1);
  EXPECT_EQ(f.runner->counts().ids - fed,
            second.prompt_tokens - second.cached_tokens + second.ids.size() - 1);
}

TEST(Session, TheSamePromptAgainComputesOneTokenForItsLogits) {
  Fixture f = make("Yes.");
  const std::vector<TokenId> prompt = {10, 11, 12, 13};
  ask(*f.session, Prompt::tokens(prompt), {.max_tokens = 1});
  EXPECT_EQ(ask(*f.session, Prompt::tokens(prompt), {.max_tokens = 1}).cached_tokens, 3u);
}

TEST(Session, StopStringCutsTheTextAndEndsAtOnce) {
  Fixture f = make("one two three");
  const Answer answer = ask(f, "Count", {.stops = {" two"}});
  EXPECT_EQ(answer.text, "one");
  EXPECT_EQ(answer.finish_reason, FinishReason::StopString);
  EXPECT_EQ(answer.ids.size(), 7u);
}

TEST(Session, MaxTokensEndsWithLength) {
  Fixture f = make("a long story");
  const Answer answer = ask(f, "Tell", {.max_tokens = 3});
  EXPECT_EQ(answer.text, "a l");
  EXPECT_EQ(answer.finish_reason, FinishReason::Length);
}

TEST(Session, IgnoreEosGoesOnAndNeverShowsTheStopId) {
  Fixture f = make("ab");
  const Answer answer = ask(f, "Tell", {.max_tokens = 5, .ignore_eos = true});
  EXPECT_EQ(answer.text, "ab");
  EXPECT_EQ(answer.ids.size(), 5u);
}

// The day a conversation began on stays in its prompts: they would be computed anew from the start.
TEST(Session, TheDateOfAConversationIsThatOfItsBeginning) {
  struct Calendar final : Clock {
    int64_t now_ns() const override { return 1; }
    int64_t wall_seconds() const override { return seconds; }
    std::atomic<int64_t> seconds{1'795'435'200};
  } calendar;
  const auto bundle = [] {
    ModelBundle dated = testing::byte_bundle();
    auto text =
        prompt::ChatTemplate::parse(concat("{{ strftime_now('%d %b %Y') }}|", testing::kTemplate));
    dated.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(text).value());
    return dated;
  };
  EngineOptions options{.model = {.model = "dated"}, .clock = &calendar};
  const auto runner = testing::byte_runner("ok");
  options.loader = [&](const ModelOptions&, const LoadProgress&, const CancelToken*) {
    return Result<std::unique_ptr<LoadedModel>>(LoadedModel::from_parts(bundle(), runner));
  };
  const auto engine = Engine::load(options);
  ASSERT_TRUE(engine.ok());
  const auto session = (*engine)->new_session({});
  const auto date_of = [&](const char* text) {
    const auto answer = try_ask(*session, Prompt::user(text));
    EXPECT_TRUE(answer.ok());
    const auto& ids = answer->prompt_ids;
    return std::string(ids.begin(), std::find(ids.begin(), ids.end(), TokenId{'|'}));
  };
  EXPECT_EQ(date_of("One"), "23 Nov 2026");
  calendar.seconds += 24 * 3600;
  EXPECT_EQ(date_of("Two"), "23 Nov 2026");
  session->reset();
  EXPECT_EQ(date_of("Three"), "24 Nov 2026");
}

TEST(Session, TheEndOfTheContextEndsTheAnswer) {
  Fixture f = make(std::string(500, 'x'), 128);
  const Answer answer = ask(f, "Go");
  EXPECT_EQ(answer.finish_reason, FinishReason::Length);
  EXPECT_LE(answer.prompt_tokens + answer.ids.size(), 128u);
}

// A model that stops at a chunk until the test has its cancel token, and sets it itself then.
struct SelfCancelling {
  std::promise<CancelToken*> token;
  std::shared_future<CancelToken*> given = token.get_future().share();
  int chunks = 0;  // model thread

  // `at`: the chunk before which it cancels, counted from 1; the prompt is one.
  Fixture make(std::string reply, int at) {
    runner::FakeModel model{.vocab_size = kVocab,
                            .context = 512,
                            .chunk = 512,
                            .script = testing::replying(std::move(reply))};
    model.before_chunk = [this, at](uint32_t) {
      if (++chunks == at) given.get()->cancel();
      return Status();
    };
    Fixture fixture;
    fixture.runner = FakeRunner::make(std::move(model));
    fixture.engine = testing::engine_on(fixture.runner);
    fixture.session = fixture.engine->new_session({.now_seconds = 0});
    return fixture;
  }
  Answer ask(Fixture& f, std::string text) {
    auto request = f.session->submit(Prompt::user(std::move(text)));
    EXPECT_TRUE(request.ok());
    token.set_value(&(*request)->cancel_token());
    auto answer = (*request)->wait();
    EXPECT_TRUE(answer.ok()) << answer.status().to_string();
    return answer.ok() ? *answer : Answer();
  }
};

TEST(Session, CancelInDecodeKeepsWhatWasSaid) {
  SelfCancelling model;
  Fixture f = model.make("a very long answer", 1 + 6);
  const Answer answer = model.ask(f, "Go");
  EXPECT_EQ(answer.finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(answer.text, "a very");
  EXPECT_EQ(f.session->messages().back().content, "a very");
  EXPECT_EQ(ask(f, "Again").text, "a very long answer");
}

TEST(Session, CancelInPrefillIsAnAnswerOfNothing) {
  SelfCancelling model;
  Fixture f = model.make("never said", 1);
  const Answer answer = model.ask(f, "Go");
  EXPECT_EQ(answer.finish_reason, FinishReason::Cancelled);
  EXPECT_TRUE(answer.ids.empty());
  EXPECT_TRUE(f.session->messages().empty());
  EXPECT_EQ(ask(f, "Again").text, "never said");
}

// Holds the model thread until let go.
class Blocker {
 public:
  explicit Blocker(Engine& engine) {
    const auto started = std::make_shared<std::promise<void>>();
    engine.holder().post([started, released = release_.get_future().share()](holder::Resident*) {
      started->set_value();
      released.wait();
    });
    started->get_future().wait();
  }
  ~Blocker() { release_.set_value(); }

 private:
  std::promise<void> release_;
};

TEST(Session, CancelInTheQueueDoesNotWaitForWhatRuns) {
  Fixture f = make("said");
  const Blocker blocker(*f.engine);
  auto request = f.session->submit(Prompt::user("Go"));
  ASSERT_TRUE(request.ok());
  (*request)->cancel();
  const auto answer = (*request)->wait();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->finish_reason, FinishReason::Cancelled);
  EXPECT_TRUE(f.session->messages().empty());
}

TEST(Session, RequestsOfASessionAreAnsweredInOrder) {
  Fixture f = make("ok");
  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 5; ++i) {
    auto request = f.session->submit(Prompt::user(std::to_string(i)));
    ASSERT_TRUE(request.ok());
    requests.push_back(std::move(request).value());
  }
  for (const auto& request : requests) EXPECT_TRUE(request->wait().ok());
  const auto messages = f.session->messages();
  ASSERT_EQ(messages.size(), 10u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(messages[2 * i].content, std::to_string(i));
}

TEST(Session, AFullQueueIsBusyAndSoIsWhoRefusesToWait) {
  Fixture f = make("ok");
  std::vector<std::unique_ptr<Request>> requests;
  const Blocker blocker(*f.engine);
  Status refused;
  while (refused.ok() && requests.size() < 1000) {
    auto request = f.session->submit(Prompt::user("x"));
    refused = request.status();
    if (request.ok()) requests.push_back(std::move(request).value());
  }
  EXPECT_EQ(refused.code(), StatusCode::Busy);
  EXPECT_EQ(requests.size(), holder::HolderOptions().most_admitted);
  const GenerateOptions at_once{.busy = holder::BusyPolicy::Refuse};
  EXPECT_EQ(f.session->submit(Prompt::user("x"), at_once).status().code(), StatusCode::Busy);
}

TEST(Session, TextComesInBatchesAndAllOfIt) {
  Fixture f = make("abcdefg");
  auto request = f.session->submit(Prompt::user("Go"), {.batch = {.interval_ns = 1'000'000'000}});
  ASSERT_TRUE(request.ok());
  std::vector<EventKind> kinds;
  std::vector<std::string> pieces;
  while (!(*request)->over()) {
    const auto event = (*request)->next(std::chrono::seconds(10));
    ASSERT_TRUE(event.has_value());
    kinds.push_back(event->kind);
    if (event->kind == EventKind::Text) pieces.push_back(event->text);
  }
  EXPECT_EQ(kinds.front(), EventKind::Started);
  EXPECT_EQ(kinds.back(), EventKind::Done);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), EventKind::Done), 1);
  EXPECT_EQ(pieces, (std::vector<std::string>{"a", "bcd", "efg"}));
}

TEST(Session, AWakeupComesForEachEvent) {
  Fixture f = make("abc");
  std::atomic<int> wakeups{0};
  auto request = f.session->submit(Prompt::user("Go"));
  ASSERT_TRUE(request.ok());
  (*request)->set_wakeup([&] { ++wakeups; });
  EXPECT_TRUE((*request)->wait().ok());
  EXPECT_GE(wakeups, 1);
}

TEST(Session, AGoneReaderCancels) {
  Fixture f = make(std::string(400, 'x'));
  const Blocker* blocker = new Blocker(*f.engine);
  { auto request = f.session->submit(Prompt::user("Go")); }
  delete blocker;
  EXPECT_EQ(ask(f, "Next", {.max_tokens = 1}).text, "x");
  EXPECT_EQ(f.session->messages().size(), 2u);
}

TEST(Session, AnAnswerCanBeMadeAnew) {
  Fixture f = make("first");
  ask(f, "One");
  const uint64_t fed = f.runner->counts().ids;
  const Answer again = ask(*f.session, Prompt::regenerate(), {.lookup = false});
  EXPECT_EQ(again.text, "first");
  EXPECT_EQ(f.session->messages().size(), 2u);
  EXPECT_EQ(f.runner->counts().ids - fed, 1 + again.ids.size() - 1);  // the last prompt id, answer
}

TEST(Session, AnEditKeepsWhatCameBefore) {
  Fixture f = make("fine");
  ask(f, "One");
  ask(f, "Two");
  ASSERT_TRUE(f.session->edit(2, "2").ok());
  EXPECT_EQ(f.session->messages().size(), 3u);
  const Answer answer = ask(*f.session, Prompt::regenerate());
  EXPECT_GT(answer.cached_tokens, answer.prompt_tokens / 2);
  ASSERT_EQ(f.session->messages().size(), 4u);
  EXPECT_EQ(f.session->messages()[2].content, "2");
  EXPECT_EQ(f.session->edit(9, "x").code(), StatusCode::InvalidArgument);
}

TEST(Session, AnEditComputesOnlyWhatComesAfterIt) {
  Fixture f = make("fine");
  const Answer one = ask(f, "One");
  ask(f, "Two");
  ask(f, "Three");
  ASSERT_TRUE(f.session->edit(2, "Zwei").ok());
  const Answer answer = ask(*f.session, Prompt::regenerate());
  // All of the first turn, and of the second one what the template puts before the question.
  EXPECT_GE(answer.cached_tokens, one.prompt_tokens + one.ids.size());
}

TEST(Session, AnEditedAnswerIsReadAnewEvenWhereItBeginsTheSame) {
  Fixture f = make("fine");
  ask(f, "One");
  ASSERT_TRUE(f.session->edit(1, "fine, and more").ok());
  EXPECT_TRUE(f.session->core()->conversation.transcript.marks.empty());
  EXPECT_EQ(ask(f, "Two").text, "fine");
}

TEST(Session, AForkCopiesInsteadOfComputing) {
  Fixture f = make("fine");
  ask(f, "A first question that is long enough");
  const auto fork = f.session->fork();
  const uint64_t fed = f.runner->counts().ids;
  const Answer answer = ask(*fork, Prompt::user("Two"), {.lookup = false});
  EXPECT_EQ(f.runner->counts().ids - fed,
            answer.prompt_tokens - answer.cached_tokens + answer.ids.size() - 1);
  EXPECT_GT(answer.cached_tokens, 30u);
  EXPECT_EQ(fork->messages().size(), 4u);
  EXPECT_EQ(f.session->messages().size(), 2u);
}

TEST(Session, SessionsShareTheirSystemPrompt) {
  Fixture f = make("ok", 512, "You are a very patient and helpful assistant.");
  ask(f, "One");
  const auto other = f.engine->new_session(
      {.system = "You are a very patient and helpful assistant.", .now_seconds = 0});
  EXPECT_GT(ask(*other, Prompt::user("Two")).cached_tokens, 45u);
}

TEST(Session, WhatIsWarmedIsNotComputedAgain) {
  Fixture f = make("ok");
  const Answer warmed = ask(*f.session, Prompt::warm("What is the capital of"));
  EXPECT_TRUE(warmed.ids.empty());
  EXPECT_TRUE(f.session->messages().empty());
  const Answer answer = ask(f, "What is the capital of France?");
  EXPECT_EQ(answer.cached_tokens, warmed.prompt_tokens);
  EXPECT_GT(warmed.prompt_tokens, 22u);
}

TEST(Session, AQuestionDoesNotWaitForWarming) {
  Fixture f = make("ok");
  Answer answer;
  std::unique_ptr<Request> warming;
  {
    const Blocker blocker(*f.engine);
    warming = std::move(f.session->submit(Prompt::warm("What is"))).value();
    auto request = f.session->submit(Prompt::user("Where am I?"));
    ASSERT_TRUE(request.ok());
    const auto stopped = warming->wait();
    ASSERT_TRUE(stopped.ok());
    EXPECT_EQ(stopped->finish_reason, FinishReason::Cancelled);
    (*request)->cancel();
  }
}

TEST(Session, AChangeDropsTheAnswerThatIsBeingMade) {
  Fixture f = make("late");
  std::unique_ptr<Request> request;
  {
    const Blocker blocker(*f.engine);
    request = std::move(f.session->submit(Prompt::user("Go"))).value();
    f.session->reset();
  }
  const auto answer = request->wait();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->finish_reason, FinishReason::Cancelled);
  EXPECT_TRUE(f.session->messages().empty());
}

TEST(Session, GuessingAheadChangesNoToken) {
  size_t accepted = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    // Repeats itself, with a slip now and then.
    std::string reply;
    for (uint64_t i = 0, state = seed; i < 120; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      reply += (state >> 33) % 9 == 0 ? static_cast<char>('a' + (state >> 40) % 26)
                                      : static_cast<char>('a' + i % (3 + seed % 7));
    }
    Fixture f = make(reply);
    const Answer plain = ask(f, "Go", {.lookup = false});
    f.session->reset();
    const Answer guessed = ask(f, "Go");
    EXPECT_EQ(guessed.ids, plain.ids) << seed;
    EXPECT_EQ(guessed.text, plain.text);
    EXPECT_EQ(guessed.finish_reason, plain.finish_reason);
    EXPECT_EQ(plain.drafted_tokens, 0u);
    EXPECT_LE(guessed.accepted_tokens, guessed.drafted_tokens);
    accepted += guessed.accepted_tokens;
    // What was guessed wrong is not in the cache: the next turn goes on as without.
    EXPECT_EQ(ask(f, "On", {.max_tokens = 5}).text, reply.substr(0, 5));
  }
  EXPECT_GT(accepted, 0u);
}

TEST(Session, ASavedConversationGoesOnWhereItWas) {
  const TestFolder folder;
  const std::string path = folder.path("talk.etbs");
  Answer expected;
  {
    Fixture f = make("fine", 512, "sys");
    ask(f, "One");
    ASSERT_TRUE(f.session->save(path).ok());
    expected = ask(f, "Two");
  }
  Fixture f = make("fine");
  auto restored = f.engine->restore_session(path, {.now_seconds = 0});
  ASSERT_TRUE(restored.ok()) << restored.status().to_string();
  EXPECT_EQ((*restored)->messages().size(), 3u);
  EXPECT_EQ(f.runner->counts().ids, 0u);
  const Answer answer = ask(**restored, Prompt::user("Two"));
  EXPECT_EQ(answer.ids, expected.ids);
  EXPECT_EQ(answer.cached_tokens, expected.cached_tokens);
}

TEST(Session, ASavedConversationOfAnotherModelIsRefusedByName) {
  const TestFolder folder;
  const std::string path = folder.path("talk.etbs");
  Fixture f = make("fine");
  ask(f, "One");
  ASSERT_TRUE(f.session->save(path).ok());
  runner::FakeModel other{.vocab_size = kVocab, .script = testing::replying("x")};
  other.model_key = 2;
  other.model_name = "other";
  const auto engine = testing::engine_on(FakeRunner::make(std::move(other)));
  const Status refused = engine->restore_session(path, {}).status();
  EXPECT_EQ(refused.code(), StatusCode::InvalidArgument);
  EXPECT_NE(refused.message().find("other"), std::string_view::npos) << refused.message();
  EXPECT_NE(refused.message().find("fake"), std::string_view::npos) << refused.message();
}

TEST(Session, AnUnloadedModelComesBackWhenItIsNeeded) {
  const TestFolder folder;
  const auto runner = testing::byte_runner("still here");
  const auto engine = testing::engine_on(runner, {.pool = {.folder = folder.path()}});
  const auto session = engine->new_session({.now_seconds = 0});
  ask(*session, Prompt::user("A question that is long enough to be worth keeping on a disk"));
  engine->holder().run([](holder::Resident*) {});
  ASSERT_TRUE(engine->holder().unload(holder::WhileBusy::Wait, nullptr).ok());
  engine->holder().run([](holder::Resident* resident) { EXPECT_EQ(resident, nullptr); });
  EXPECT_EQ(engine->model(), nullptr);
  const Answer answer = ask(*session, Prompt::user("And now?"));
  EXPECT_EQ(answer.text, "still here");
  EXPECT_GT(answer.cached_tokens, 60u) << "what was parked is not computed again";
}

TEST(Session, WithoutAModelARequestSaysSo) {
  Fixture f = make("x");
  const auto done = std::make_shared<std::promise<void>>();
  ASSERT_TRUE(f.engine->unload(holder::WhileBusy::Wait, [done] { done->set_value(); }).ok());
  done->get_future().wait();
  EXPECT_EQ(try_ask(*f.session, Prompt::user("Hi")).status().code(), StatusCode::NotFound);
}

TEST(Session, OldMessagesAreSummedUpIfAskedTo) {
  Fixture f;
  f.runner = testing::byte_runner("so it was", 640);
  f.engine = testing::engine_on(f.runner);
  f.session = f.engine->new_session(
      {.system = "sys", .now_seconds = 0, .history = {.kind = HistoryKind::Summarise}});
  size_t summarised = 0;
  for (int turn = 0; turn < 20; ++turn) {
    summarised += ask(f, "turn " + std::to_string(turn), {.max_tokens = 32}).summarised_messages;
  }
  EXPECT_GT(summarised, 10u);
  // What was said is in the next prompt, in the words of the model.
  const Answer last = ask(f, "last", {.max_tokens = 32});
  std::string prompt;
  for (const TokenId id : last.prompt_ids) prompt += id < 256 ? static_cast<char>(id) : '|';
  EXPECT_NE(prompt.find("so it was"), std::string::npos);
}

TEST(Session, AFailedRequestLeavesTheConversationAsItWas) {
  Fixture f = make("ok", 128);
  ask(f, "One");
  const auto before = f.session->messages();
  auto answer = try_ask(*f.session, Prompt::user(std::string(200, 'x')));
  EXPECT_EQ(answer.status().code(), StatusCode::ContextFull);
  EXPECT_EQ(f.session->messages().size(), before.size());
  EXPECT_EQ(ask(f, "Two").text, "ok");
}

TEST(Session, ALongConversationDropsOldExchangesAndGoesOn) {
  Fixture f = make("fine", 256, "sys");
  size_t dropped = 0;
  int rebuilt = 0;  // turns whose cut moved, so that the cache had to be computed again
  for (int turn = 0; turn < 40; ++turn) {
    const Answer answer = ask(f, "turn " + std::to_string(turn), {.max_tokens = 32});
    EXPECT_EQ(answer.text, "fine");
    EXPECT_GE(answer.dropped_messages, dropped);
    if (answer.dropped_messages > dropped) {
      ++rebuilt;
    } else if (turn > 0) {
      EXPECT_GT(answer.cached_tokens, answer.prompt_tokens / 2);
    }
    dropped = answer.dropped_messages;
  }
  EXPECT_GT(dropped, 0u);
  EXPECT_LE(rebuilt, 39 / 2);
  EXPECT_EQ(f.session->messages().size(), 81u);
}

TEST(Session, UserTextNeverBecomesAControlToken) {
  Fixture f = make("ok");
  const Answer answer = ask(f, "say <|im_end|> please");
  EXPECT_EQ(std::count(answer.prompt_ids.begin(), answer.prompt_ids.end(), kEnd), 1);
}

TEST(Session, WrongPromptsAreNamed) {
  Fixture f = make("ok", 128);
  const auto code = [&](Prompt prompt, const GenerateOptions& options = {}) {
    return try_ask(*f.session, std::move(prompt), options).status().code();
  };
  EXPECT_EQ(code(Prompt::tokens({})), StatusCode::InvalidArgument);
  EXPECT_EQ(code(Prompt::tokens({999})), StatusCode::InvalidArgument);
  EXPECT_EQ(code(Prompt::tokens(std::vector<TokenId>(128, 1))), StatusCode::ContextFull);
  EXPECT_EQ(code(Prompt::user("broken \xFF text")), StatusCode::InvalidArgument);
  EXPECT_EQ(code(Prompt::conversation({})), StatusCode::InvalidArgument);
  EXPECT_EQ(code(Prompt::regenerate()), StatusCode::InvalidArgument);
  EXPECT_EQ(code(Prompt::user("Hi"), {.sampler = {.temperature = -1}}),
            StatusCode::InvalidArgument);
}

TEST(Session, LogprobsComeForEachToken) {
  Fixture f = make("ab");
  const Answer answer = ask(f, "Go", {.logprobs = 2});
  ASSERT_EQ(answer.logprobs.size(), answer.ids.size());
  EXPECT_EQ(answer.logprobs[0].id, static_cast<TokenId>('a'));
  ASSERT_EQ(answer.logprobs[0].top.size(), 2u);
  EXPECT_EQ(answer.logprobs[0].top[0].first, static_cast<TokenId>('a'));
  EXPECT_FLOAT_EQ(answer.logprobs[0].logprob, answer.logprobs[0].top[0].second);
}

TEST(Session, DryPushesARepetitionBack) {
  Fixture f = make("abcabcabcabcabc");
  GenerateOptions options{.max_tokens = 15};
  const std::string plain = ask(f, "Go", options).text;
  options.sampler.dry.multiplier = 1000;
  EXPECT_EQ(plain, "abcabcabcabcabc");
  EXPECT_NE(ask(f, "Go", options).text, plain);
}

TEST(Session, SystemPromptCanBeChangedAndTheRestForgotten) {
  Fixture f = make("ok", 512, "first");
  ask(f, "One");
  f.session->set_system("second");
  EXPECT_EQ(f.session->messages().front().content, "second");
  EXPECT_EQ(f.session->messages().size(), 3u);
  f.session->reset();
  EXPECT_EQ(f.session->messages().size(), 1u);
}

}  // namespace
}  // namespace etb
