// Answers of a model that thinks before it speaks: what is an event of its own, what is counted,
// what stays in the conversation.
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "engine/session.h"
#include "engine/testing/byte_model.h"

namespace etb {
namespace {

// The chat's template, shown what was thought where there is something, and what it is told of
// thinking; names the tag by which it is told how the model reasons.
constexpr const char* kThinks =
    "{# </think> #}{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}"
    "{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}<|im_end|>{% endfor %}"
    "{% if enable_thinking is defined %}[{{ enable_thinking }}]{% endif %}"
    "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}";

struct Thinker {
  std::shared_ptr<Engine> engine;
  std::unique_ptr<Session> session;

  explicit Thinker(std::string reply, const std::string& chat_template = kThinks,
                   SessionOptions options = {.now_seconds = 0}) {
    ModelBundle bundle = testing::byte_bundle();
    auto parsed = prompt::ChatTemplate::parse(chat_template);
    EXPECT_TRUE(parsed.ok());
    bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(parsed).value());
    bundle.reasoning = family::find_reasoning(
        chat_template, {.has_token = [](std::string_view) { return false; }});
    const auto runner = testing::byte_runner(std::move(reply));
    EngineOptions engine_options{.model = {.model = "thinker"}};
    engine_options.loader = [bundle, runner](const ModelOptions&, const LoadProgress&,
                                             const CancelToken*) {
      return Result<std::unique_ptr<LoadedModel>>(LoadedModel::from_parts(bundle, runner));
    };
    auto loaded = Engine::load(engine_options);
    EXPECT_TRUE(loaded.ok());
    engine = std::move(loaded).value();
    session = engine->new_session(std::move(options));
  }

  // The answer; the pieces of each kind are put together in `reasoning` and `text`.
  Answer ask(Prompt prompt, const GenerateOptions& options = {}) {
    reasoning.clear();
    text.clear();
    auto request = session->submit(std::move(prompt), options);
    EXPECT_TRUE(request.ok());
    while (!(*request)->over()) {
      const auto event = (*request)->next(std::chrono::seconds(1));
      if (!event) continue;
      if (event->kind == EventKind::Reasoning) {
        EXPECT_TRUE(text.empty()) << "reasoning after text";
        reasoning += event->text;
      }
      if (event->kind == EventKind::Text) text += event->text;
      if (event->kind == EventKind::Done) return *event->answer;
      EXPECT_NE(event->kind, EventKind::Failed) << event->status.to_string();
    }
    return {};
  }
  std::string reasoning, text;
};

std::string text_of(const std::vector<TokenId>& ids) {
  std::string text;
  for (const TokenId id : ids) text += id < 256 ? static_cast<char>(id) : '|';
  return text;
}

TEST(Reasoning, IsAnEventOfItsOwnAndNoPartOfTheText) {
  Thinker model("<think>\nTwo and two.\n</think>\n\nFour.");
  const Answer answer = model.ask(Prompt::user("2+2?"));
  EXPECT_EQ(model.reasoning, "Two and two.");
  EXPECT_EQ(model.text, "Four.");
  EXPECT_EQ(answer.reasoning, model.reasoning);
  EXPECT_EQ(answer.text, model.text);
  EXPECT_EQ(answer.reasoning_tokens, std::string("<think>\nTwo and two.\n</think>").size());
  EXPECT_EQ(answer.ids.size(), answer.reasoning_tokens + std::string("\n\nFour.").size() + 1);
  EXPECT_GE(answer.reasoning_ms, 0);
}

TEST(Reasoning, StaysWithItsMessageForTheTemplateToUse) {
  Thinker model("<think>Hm</think>Yes");
  model.ask(Prompt::user("One"));
  EXPECT_EQ(model.session->messages().back().content, "Yes");
  EXPECT_EQ(model.session->messages().back().reasoning, "Hm");
  const Answer second = model.ask(Prompt::user("Two"));
  EXPECT_EQ(text_of(second.prompt_ids), "|user:One||assistant:Yes(Hm)||user:Two||assistant:");
  ASSERT_TRUE(model.session->edit(1, "No").ok());
  EXPECT_EQ(model.session->messages().back().reasoning, "") << "that was for another answer";
}

// As Phi-4-mini-reasoning does it: letters alone, which may come in any tokens.
TEST(Reasoning, InLettersIsReasoningWhereTheTemplateTellsTheModel) {
  const std::string say =
      "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}"
      "<|im_end|>{% endfor %}<|im_start|>assistant:";
  for (const bool reasons : {true, false}) {
    const std::string system =
        reasons ? "<|im_start|>Your name is Phi, an AI math expert developed by Microsoft." : "";
    Thinker model("<think>\n\nOkay.\n</think>\n\nFour.", system + say);
    const Answer answer = model.ask(Prompt::user("2+2?"));
    EXPECT_EQ(answer.reasoning, reasons ? "Okay." : "");
    EXPECT_EQ(answer.text, reasons ? "Four." : "<think>\n\nOkay.\n</think>\n\nFour.");
  }
}

TEST(Reasoning, ATemplateThatOpensItLetsTheAnswerBeginInside) {
  // The script goes on from the last "assistant:": the tag counts as said.
  Thinker model("<think>\nHm</think>Yes", std::string(kThinks) + "{{ '<think>\n' }}");
  const Answer answer = model.ask(Prompt::user("One"));
  EXPECT_EQ(answer.reasoning, "Hm");
  EXPECT_EQ(answer.text, "Yes");
  EXPECT_EQ(answer.reasoning_tokens, std::string("Hm</think>").size());
}

TEST(Reasoning, OfAWholePromptIsText) {
  Thinker model("<think>Hm</think>Yes");
  const Answer answer = model.ask(Prompt::tokens(testing::ids_of("assistant:")));
  EXPECT_EQ(answer.text, "<think>Hm</think>Yes");
  EXPECT_EQ(answer.reasoning_tokens, 0u);
}

TEST(Reasoning, CutOffByTheLimitIsKeptAsReasoning) {
  Thinker model("<think>Very long thoughts");
  const Answer answer = model.ask(Prompt::user("One"), {.max_tokens = 11});
  EXPECT_EQ(answer.finish_reason, FinishReason::Length);
  EXPECT_EQ(answer.reasoning, "Very");
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.reasoning_tokens, 11u);
}

TEST(Reasoning, IsSwitchedOnAndOffByTheSession) {
  for (const bool on : {true, false}) {
    Thinker model("Yes", kThinks, {.now_seconds = 0, .thinking = on});
    const std::string prompt = text_of(model.ask(Prompt::user("One")).prompt_ids);
    EXPECT_NE(prompt.find(on ? "[True]" : "[False]"), std::string::npos) << prompt;
  }
}

TEST(Reasoning, StoppedInItLeavesTheConversationAsItWas) {
  runner::FakeModel fake{.vocab_size = testing::kVocab,
                         .context = 512,
                         .chunk = 512,
                         .script = testing::replying("<think>Hm, well</think>Yes")};
  std::promise<CancelToken*> token;
  std::shared_future<CancelToken*> given = token.get_future().share();
  int chunks = 0;
  fake.before_chunk = [&](uint32_t) {
    if (++chunks == 10) given.get()->cancel();
    return Status();
  };
  ModelBundle bundle = testing::byte_bundle();
  bundle.reasoning =
      family::find_reasoning("</think>", {.has_token = [](std::string_view) { return false; }});
  const auto runner = runner::FakeRunner::make(std::move(fake));
  EngineOptions options{.model = {.model = "thinker"}};
  options.loader = [&](const ModelOptions&, const LoadProgress&, const CancelToken*) {
    return Result<std::unique_ptr<LoadedModel>>(LoadedModel::from_parts(bundle, runner));
  };
  const auto engine = Engine::load(options);
  ASSERT_TRUE(engine.ok());
  const auto session = (*engine)->new_session({.now_seconds = 0});
  auto request = session->submit(Prompt::user("One"));
  ASSERT_TRUE(request.ok());
  token.set_value(&(*request)->cancel_token());
  const auto answer = (*request)->wait();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->finish_reason, FinishReason::Cancelled);
  EXPECT_FALSE(answer->reasoning.empty());
  EXPECT_TRUE(session->messages().empty());
}

}  // namespace
}  // namespace etb
