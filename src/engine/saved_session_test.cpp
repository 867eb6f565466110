// A conversation that was saved under one chat template and goes on under another: the messages are
// what its file keeps; ids and what was computed are used as far as the prompt says the same.
#include <gtest/gtest.h>

#include "engine/session.h"
#include "engine/testing/byte_model.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

constexpr const char* kOtherTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role|upper }}/{{ m.content }}<|im_end|>{% endfor %}"
    "<|im_start|>assistant:";

std::shared_ptr<Engine> engine_with_template(const std::string& text,
                                             const std::shared_ptr<runner::FakeRunner>& runner) {
  EngineOptions options{.model = {.model = "byte-model", .chat_template = "other.jinja"}};
  options.loader = [text, runner](const ModelOptions& model, const LoadProgress&,
                                  const CancelToken*) -> Result<std::unique_ptr<LoadedModel>> {
    EXPECT_EQ(model.chat_template, "other.jinja");
    ModelBundle bundle = testing::byte_bundle();
    bundle.chat_template =
        std::make_shared<prompt::ChatTemplate>(prompt::ChatTemplate::parse(text).value());
    return LoadedModel::from_parts(std::move(bundle), runner);
  };
  return Engine::load(options).value();
}

Answer ask(Session& session, const std::string& text) {
  const auto request = session.submit(Prompt::user(text));
  const auto answer = request.ok() ? (*request)->wait({}) : request.status();
  EXPECT_TRUE(answer.ok()) << answer.status().to_string();
  return answer.ok() ? *answer : Answer();
}

std::string prompt_of(const Answer& answer) {
  std::string text;
  for (const TokenId id : answer.prompt_ids) text += id < 256 ? static_cast<char>(id) : '|';
  return text;
}

TEST(SavedSession, GoesOnWithAnotherTemplate) {
  const TestFolder folder;
  const std::string path = folder.path("talk.etbs");
  const auto runner = testing::byte_runner("fine");
  const auto first = testing::engine_on(runner);
  const auto session = first->new_session({.system = "sys", .now_seconds = 0});
  ask(*session, "One");
  ASSERT_TRUE(session->save(path).ok());

  const auto second = engine_with_template(kOtherTemplate, runner);
  const auto restored = second->restore_session(path, {.now_seconds = 0}).value();
  const Answer answer = ask(*restored, "Two");
  EXPECT_EQ(answer.text, "fine");
  EXPECT_EQ(prompt_of(answer), "|SYSTEM/sys||USER/One||ASSISTANT/fine||USER/Two||assistant:");
  EXPECT_EQ(answer.cached_tokens, 1u) << "the first token alone is the same";
  ASSERT_TRUE(restored->save(path).ok());

  const auto back = first->restore_session(path, {.now_seconds = 0}).value();
  EXPECT_EQ(prompt_of(ask(*back, "Three")),
            "|system:sys||user:One||assistant:fine||user:Two||assistant:fine||user:Three|"
            "|assistant:");
}

}  // namespace
}  // namespace etb
