// Session on a scripted model: what is fed, what is kept, how answers end, and what a conversation
// looks like after each kind of ending. No weights, no runtime.
#include "engine/session.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runner/fake_runner.h"

namespace etb {
namespace {

using runner::FakeModel;
using runner::FakeRunner;

// Bytes as tokens (id = byte value), <|im_start|> 256, <|im_end|> 257.
constexpr TokenId kStart = 256, kEnd = 257, kVocab = 258;

family::VocabData byte_vocab() {
  family::VocabData data;
  data.kind = family::VocabKind::SentencePiece;
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    data.tokens.emplace_back(name);
    data.types.push_back(family::TokenType::Byte);
  }
  for (const char* control : {"<|im_start|>", "<|im_end|>"}) {
    data.tokens.emplace_back(control);
    data.types.push_back(family::TokenType::Control);
  }
  data.scores.assign(data.tokens.size(), 0);
  data.ids.eos = kEnd;
  return data;
}

constexpr const char* kTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}";

// Answers every prompt with `reply`: the script looks for the last "assistant:" that was fed.
runner::FakeScript replying(std::string reply) {
  return [reply](std::span<const TokenId> history) {
    const std::string cue = "assistant:";
    const auto found =
        std::find_end(history.begin(), history.end(), cue.begin(), cue.end(),
                      [](TokenId a, char b) { return a == static_cast<uint8_t>(b); });
    const size_t said = static_cast<size_t>(history.end() - found) -
                        std::min<size_t>(cue.size(), static_cast<size_t>(history.end() - found));
    const TokenId next = said < reply.size() ? static_cast<uint8_t>(reply[said]) : kEnd;
    return runner::one_hot(next, kVocab);
  };
}

struct Fixture {
  std::shared_ptr<FakeRunner> runner;
  std::shared_ptr<Engine> engine;
  std::unique_ptr<Session> session;
};

Fixture make(std::string reply, uint32_t context = 512, std::string system = "") {
  FakeModel model;
  model.vocab_size = kVocab;
  model.context = context;
  model.script = replying(std::move(reply));
  Fixture fixture;
  fixture.runner = FakeRunner::make(std::move(model));
  ModelBundle bundle;
  auto tokenizer = token::Tokenizer::create(byte_vocab());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
  bundle.tokenizer = std::make_shared<token::Tokenizer>(*tokenizer);
  auto chat_template = prompt::ChatTemplate::parse(kTemplate);
  EXPECT_TRUE(chat_template.ok()) << chat_template.status().to_string();
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(chat_template).value());
  fixture.engine = Engine::from_parts(std::move(bundle), fixture.runner);
  auto session = fixture.engine->new_session({.system = std::move(system), .now_seconds = 0});
  EXPECT_TRUE(session.ok());
  fixture.session = std::move(session).value();
  return fixture;
}

Answer ask(Fixture& fixture, std::string_view text, GenerateOptions options = {}) {
  auto answer = fixture.session->chat(text, options, {}, nullptr);
  EXPECT_TRUE(answer.ok()) << answer.status().to_string();
  return answer.ok() ? *answer : Answer();
}

TEST(Session, AnswersAndEndsAtTheStopId) {
  Fixture f = make("Hello!");
  std::string shown;
  auto answer = f.session->chat(
      "Hi", {}, [&](std::string_view text) { shown += text; }, nullptr);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "Hello!");
  EXPECT_EQ(shown, "Hello!");
  EXPECT_EQ(answer->finish_reason, FinishReason::Stop);
  EXPECT_EQ(answer->ids.back(), kEnd);
  EXPECT_EQ(answer->prompt_tokens, answer->prompt_ids.size());
  ASSERT_EQ(f.session->messages().size(), 2u);
  EXPECT_EQ(f.session->messages()[1].content, "Hello!");
}

TEST(Session, TheNextTurnFeedsOnlyWhatIsNew) {
  Fixture f = make("Yes.");
  const Answer first = ask(f, "One");
  const uint64_t fed = f.runner->counts().ids;
  const Answer second = ask(f, "Two");
  // All of the first prompt and answer is in the cache, but for the stop id, which was never fed.
  EXPECT_EQ(second.cached_tokens, first.prompt_tokens + first.ids.size() - 1);
  EXPECT_EQ(f.runner->counts().ids - fed,
            second.prompt_tokens - second.cached_tokens + second.ids.size() - 1);
}

TEST(Session, TheSamePromptAgainComputesOneTokenForItsLogits) {
  Fixture f = make("Yes.");
  const std::vector<TokenId> prompt = {10, 11, 12, 13};
  ASSERT_TRUE(f.session->complete(prompt, {.max_tokens = 1}, {}, nullptr).ok());
  auto again = f.session->complete(prompt, {.max_tokens = 1}, {}, nullptr);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->cached_tokens, 3u);
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

TEST(Session, TheEndOfTheContextEndsTheAnswer) {
  Fixture f = make(std::string(500, 'x'), 128);
  const Answer answer = ask(f, "Go");
  EXPECT_EQ(answer.finish_reason, FinishReason::Length);
  EXPECT_LE(answer.prompt_tokens + answer.ids.size(), 128u);
}

TEST(Session, CancelInDecodeKeepsWhatWasSaid) {
  Fixture f = make("a very long answer");
  CancelToken cancel;
  GenerateOptions options;
  options.batch.tokens = 1;
  auto answer = f.session->chat(
      "Go", options,
      [&](std::string_view text) {
        if (text == "y") cancel.cancel();
      },
      &cancel);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->finish_reason, FinishReason::Cancelled);
  EXPECT_EQ(answer->text, "a very");
  EXPECT_EQ(f.session->messages().back().content, "a very");
  EXPECT_EQ(ask(f, "Again").text, "a very long answer");
}

TEST(Session, CancelBeforePrefillIsAnAnswerOfNothing) {
  Fixture f = make("never said");
  CancelToken cancel;
  cancel.cancel();
  auto answer = f.session->chat("Go", {}, {}, &cancel);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->finish_reason, FinishReason::Cancelled);
  EXPECT_TRUE(answer->ids.empty());
  EXPECT_TRUE(f.session->messages().empty());
  EXPECT_EQ(ask(f, "Again").text, "never said");
}

TEST(Session, AFailedRequestLeavesTheConversationAsItWas) {
  Fixture f = make("ok", 128);
  ask(f, "One");
  const auto before = f.session->messages();
  auto answer = f.session->chat(std::string(200, 'x'), {}, {}, nullptr);
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
  EXPECT_EQ(f.session->complete({}, {}, {}, nullptr).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(f.session->complete({999}, {}, {}, nullptr).status().code(),
            StatusCode::InvalidArgument);
  EXPECT_EQ(f.session->complete(std::vector<TokenId>(128, 1), {}, {}, nullptr).status().code(),
            StatusCode::ContextFull);
  auto invalid = f.session->chat("broken \xFF text", {}, {}, nullptr);
  EXPECT_EQ(invalid.status().code(), StatusCode::InvalidArgument);
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
