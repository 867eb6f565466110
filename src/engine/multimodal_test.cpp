// Conversations with images and sounds: where they stand in a prompt, what is computed once, what
// is refused. On a scripted model whose images fill three positions.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "engine/chat_setup.h"
#include "engine/conversation_codec.h"
#include "engine/session.h"
#include "engine/testing/byte_model.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

constexpr uint32_t kImagePositions = 3;

model::MediaMethods takes_both() {
  return {.width = 1,
          .image = model::ImageEncoder{.height = 2, .width = 2, .positions = kImagePositions},
          .audio = model::AudioEncoder{
              .batch = 2, .bins = 2, .frames = 4, .dynamic = true, .positions = 4}};
}

std::shared_ptr<const media::Media> picture(uint8_t level) {
  return media::Media::image({.width = 2, .height = 2, .rgb = std::vector<uint8_t>(12, level)})
      .value();
}

std::shared_ptr<const media::Media> sound(uint32_t batch) {
  return media::Media::audio({.batch = batch,
                              .bins = 2,
                              .frames = 4,
                              .values = std::vector<float>(size_t{batch} * 8)})
      .value();
}

ModelBundle bundle_with(const std::string& chat_template) {
  ModelBundle bundle = testing::byte_bundle();
  auto parsed = prompt::ChatTemplate::parse(chat_template);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(parsed).value());
  bundle.media = takes_both();
  settle_chat_format(bundle);
  return bundle;
}

// A model and a session with it.
struct Viewer {
  std::shared_ptr<runner::FakeRunner> runner;
  std::shared_ptr<Engine> engine;
  std::unique_ptr<Session> session;

  explicit Viewer(model::MediaMethods takes = takes_both(), uint64_t model_key = 0,
                  std::shared_ptr<runner::FakeRunner> on = nullptr)
      : runner(std::move(on)) {
    if (runner == nullptr) {
      runner = runner::FakeRunner::make({.vocab_size = testing::kVocab,
                                         .context = 256,
                                         .script = testing::replying("A cat."),
                                         .model_key = model_key,
                                         .media = takes});
    }
    ModelBundle bundle = bundle_with(testing::kTemplate);
    bundle.media = takes;
    EngineOptions options{.model = {.model = "viewer"}};
    options.loader = [bundle, used = runner](const ModelOptions&, const LoadProgress&,
                                             const CancelToken*) {
      return Result<std::unique_ptr<LoadedModel>>(LoadedModel::from_parts(bundle, used));
    };
    engine = Engine::load(options).value();
    session = engine->new_session({.now_seconds = 0});
  }

  Result<Answer> ask(Prompt prompt, const GenerateOptions& options = {}) {
    return session->submit(std::move(prompt), options).value()->wait();
  }
};

// The text of ids, one '#' a position of media.
std::string shown(const std::vector<TokenId>& ids) {
  std::string text;
  for (const TokenId id : ids) {
    text += is_media_id(id)         ? '#'
            : id == testing::kStart ? '<'
            : id == testing::kEnd   ? '>'
                                    : static_cast<char>(id);
  }
  return text;
}

TEST(Multimodal, AnImageStandsBeforeTheText) {
  Viewer viewer;
  const auto image = picture(1);
  const auto answer = viewer.ask(Prompt::user("What is it?", {image}));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->text, "A cat.");
  EXPECT_EQ(shown(answer->prompt_ids), "<user:###What is it?><assistant:");
  for (uint32_t i = 0; i < kImagePositions; ++i) {
    EXPECT_EQ(answer->prompt_ids[6 + i], image->id_at(i));
  }
  EXPECT_EQ(viewer.runner->counts().encoded, 1u);
  EXPECT_EQ(viewer.session->messages().front().media.front().media, image);
}

TEST(Multimodal, TheNextTurnDoesNotLookAgain) {
  Viewer viewer;
  const auto first = viewer.ask(Prompt::user("What is it?", {picture(1)})).value();
  const auto second = viewer.ask(Prompt::user("And that?", {picture(2)})).value();
  EXPECT_EQ(shown(second.prompt_ids),
            "<user:###What is it?><assistant:A cat.><user:###And that?><assistant:");
  EXPECT_EQ(second.cached_tokens, first.prompt_ids.size() + 6) << "all but the last word's end";
  EXPECT_EQ(viewer.runner->counts().encoded, 2u);
}

TEST(Multimodal, AnotherImageInItsPlaceIsComputed) {
  Viewer viewer;
  ASSERT_TRUE(viewer.ask(Prompt::user("What is it?", {picture(1)})).ok());
  std::vector<prompt::Message> messages = viewer.session->messages();
  messages.resize(1);
  messages[0].media[0].media = picture(2);
  const auto answer = viewer.ask(Prompt::conversation(messages));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->cached_tokens, 6u) << "up to where the image begins";
  EXPECT_EQ(answer->prompt_ids[6], picture(2)->id_at(0));
}

TEST(Multimodal, MediaStandWhereTheMessageHasThem) {
  Viewer viewer;
  prompt::Message message{.role = "user", .content = "See  and hear ."};
  message.media = {{.at = 4, .media = picture(1)}, {.at = 14, .media = sound(1)}};
  const auto answer = viewer.ask(Prompt::conversation({message}));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(shown(answer->prompt_ids), "<user:See ### and hear ##.><assistant:");
}

TEST(Multimodal, PlacesThatCannotBeAreRefused) {
  Viewer viewer;
  const auto code = [&](std::string content, std::vector<prompt::Attachment> media) {
    prompt::Message message{.role = "user", .content = std::move(content)};
    message.media = std::move(media);
    return viewer.ask(Prompt::conversation({message})).status().code();
  };
  EXPECT_EQ(code("abc", {{.at = 4, .media = picture(1)}}), StatusCode::InvalidArgument);
  EXPECT_EQ(code("\xC3\xA4", {{.at = 1, .media = picture(1)}}), StatusCode::InvalidArgument);
  EXPECT_EQ(code("abc", {{.at = 2, .media = picture(1)}, {.at = 1, .media = picture(1)}}),
            StatusCode::InvalidArgument);
  EXPECT_EQ(code("abc", {{.at = 0, .media = nullptr}}), StatusCode::InvalidArgument);
  EXPECT_TRUE(viewer.session->messages().empty());
}

TEST(Multimodal, WhatTheModelDoesNotTakeIsRefusedAndTheSessionGoesOn) {
  Viewer text_only(model::MediaMethods{});
  const auto refused = text_only.ask(Prompt::user("What is it?", {picture(1)}));
  EXPECT_EQ(refused.status().code(), StatusCode::Unsupported) << refused.status().to_string();
  EXPECT_TRUE(text_only.session->messages().empty());
  EXPECT_TRUE(text_only.ask(Prompt::user("Hello")).ok());

  Viewer viewer;
  EXPECT_EQ(viewer.ask(Prompt::user("Listen", {sound(3)})).status().code(),
            StatusCode::InvalidArgument);
  EXPECT_TRUE(viewer.ask(Prompt::user("Listen", {sound(2)})).ok());
}

TEST(Multimodal, PenaltiesAndLookUpLeaveImagesAlone) {
  Viewer viewer;
  GenerateOptions options;
  options.sampler.repeat_penalty = 1.3F;
  options.sampler.frequency_penalty = 0.5F;
  const auto answer = viewer.ask(Prompt::user("What is it?", {picture(1), picture(1)}), options);
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(shown(answer->prompt_ids), "<user:######What is it?><assistant:");
}

TEST(Multimodal, ACancelInsideAnImageIsGoneOnFrom) {
  std::promise<Request*> submitted;
  std::future<Request*> to_cancel = submitted.get_future();
  const auto runner = runner::FakeRunner::make({.vocab_size = testing::kVocab,
                                                .context = 256,
                                                .chunk = 2,
                                                .script = testing::replying("A cat."),
                                                .before_chunk =
                                                    [&](uint32_t position) {
                                                      if (position == 8 && to_cancel.valid())
                                                        to_cancel.get()->cancel();
                                                      return Status();
                                                    },
                                                .model_key = 0,
                                                .media = takes_both()});
  Viewer viewer(takes_both(), 0, runner);
  const auto request = viewer.session->submit(Prompt::user("What?", {picture(1)})).value();
  submitted.set_value(request.get());
  EXPECT_EQ(request->wait()->finish_reason, FinishReason::Cancelled);
  const auto answer = viewer.ask(Prompt::user("What?", {picture(1)}));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->cached_tokens, 8u) << "two of the image's three positions";
  EXPECT_EQ(answer->text, "A cat.");
}

TEST(Multimodal, ASavedConversationHasItsImages) {
  const TestFolder folder;
  Viewer viewer(takes_both(), 1);
  ASSERT_TRUE(viewer.ask(Prompt::user("What is it?", {picture(1), sound(2)})).ok());
  const std::string path = folder.path("talk.etbs");
  ASSERT_TRUE(viewer.session->save(path).ok());
  auto restored = viewer.engine->restore_session(path, {.now_seconds = 0});
  ASSERT_TRUE(restored.ok()) << restored.status().to_string();
  const auto messages = (*restored)->messages();
  ASSERT_EQ(messages.front().media.size(), 2u);
  EXPECT_EQ(messages.front().media[0].media->hash(), picture(1)->hash());
  EXPECT_EQ(messages.front().media[1].media->hash(), sound(2)->hash());
  const auto answer = (*restored)->submit(Prompt::user("Sure?")).value()->wait();
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(shown(answer->prompt_ids).substr(0, 13), "<user:#######");
}

TEST(Multimodal, DamagedImagesOfAFileAreFound) {
  Conversation conversation;
  prompt::Message message{.role = "user", .content = "Hi"};
  message.media = {{.at = 1, .media = picture(7)}, {.at = 2, .media = sound(1)}};
  conversation.messages = {message};
  const std::vector<uint8_t> bytes = encode_conversation(conversation);
  ASSERT_TRUE(decode_conversation(bytes).ok());
  size_t refused = 0;
  for (size_t at = 4; at < bytes.size(); ++at) {
    std::vector<uint8_t> damaged = bytes;
    damaged[at] ^= 0xFF;
    const auto decoded = decode_conversation(damaged);
    if (!decoded.ok()) {
      ++refused;
      continue;
    }
    for (const prompt::Attachment& attachment : decoded->messages.at(0).media) {
      EXPECT_LE(attachment.at, decoded->messages[0].content.size());
      EXPECT_NE(attachment.media, nullptr);
    }
  }
  EXPECT_GT(refused, bytes.size() / 3);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_conversation(std::span(bytes).first(size)).ok());
  }
}

// --- how templates show them ---

std::string prompt_text(const ModelBundle& bundle, const std::vector<prompt::Message>& messages) {
  const auto prompt = encode_messages(bundle, messages, {}, {});
  if (!prompt.ok()) return std::string(prompt.status().message());
  for (const PromptMedia& media : prompt->media) {
    EXPECT_EQ(prompt->ids.at(media.begin), media.media->id_at(0));
    EXPECT_EQ(prompt->ids.at(media.begin + media.count - 1), media.media->id_at(media.count - 1));
  }
  return shown(prompt->ids);
}

prompt::Message seen(std::string content, size_t at) {
  prompt::Message message{.role = "user", .content = std::move(content)};
  message.media = {{.at = at, .media = picture(1)}};
  return message;
}

// Takes both forms of content, as Gemma 3's does.
constexpr const char* kEither =
    "{% for m in messages %}[{% if m.content is string %}{{ m.content|trim }}{% else %}"
    "{% for part in m.content %}{% if part.type == 'image' %}(IMG)"
    "{% else %}{{ part.text|trim }}{% endif %}{% endfor %}{% endif %}]{% endfor %}";
// Takes lists alone: of a text it sees nothing.
constexpr const char* kPartsOnly =
    "{% for m in messages %}[{% for part in m.content %}"
    "{% if part['type'] == 'image' %}(IMG){% elif part['type'] == 'text' %}{{ part['text'] }}"
    "{% endif %}{% endfor %}]{% endfor %}";

ModelBundle marked(const std::string& chat_template) {
  ModelBundle bundle = bundle_with(chat_template);
  bundle.image_marks = {.placeholder = "(IMG)", .before = "\n\n{", .after = "}\n\n"};
  return bundle;
}

TEST(MediaPrompt, APlaceholderOfTheTemplateIsExpanded) {
  EXPECT_EQ(prompt_text(marked(kEither), {seen("Look: what?", 5)}), "[Look:\n\n{###}\n\nwhat?]");
  EXPECT_EQ(prompt_text(marked(kPartsOnly), {seen("Look: what?", 5)}),
            "[Look:\n\n{###}\n\n what?]");
}

TEST(MediaPrompt, ATemplateOfTextsGetsThemInTheText) {
  const std::string texts = "{% for m in messages %}[{{ m.content|trim }}]{% endfor %}";
  EXPECT_EQ(prompt_text(marked(texts), {seen("Look: what?", 0)}), "[\n\n{###}\n\nLook: what?]");
}

TEST(MediaPrompt, AWrittenPlaceholderIsText) {
  EXPECT_EQ(prompt_text(marked(kEither), {seen("Is (IMG) a tag?", 0)}),
            "[\n\n{###}\n\nIs (IMG) a tag?]");
  EXPECT_EQ(prompt_text(marked(kEither), {{.role = "user", .content = "Is (IMG) a tag?"}}),
            "[Is (IMG) a tag?]");
}

TEST(MediaPrompt, ATemplateOfListsGetsTextsAsOnes) {
  const ModelBundle bundle = marked(kPartsOnly);
  EXPECT_FALSE(bundle.content.text);
  EXPECT_EQ(prompt_text(bundle, {{.role = "user", .content = "Hi"}}), "[Hi]");
  EXPECT_TRUE(marked(kEither).content.text);
  EXPECT_TRUE(marked(kEither).content.parts);
  EXPECT_FALSE(marked("{{ messages[0].content }}").content.parts) << "it prints the list";
}

TEST(MediaPrompt, ATemplateThatLosesAnImageIsRefused) {
  const std::string loses = "{% for m in messages %}[{{ m.content|length }}]{% endfor %}";
  const auto prompt = encode_messages(marked(loses), {seen("Hi", 0)}, {}, {});
  EXPECT_EQ(prompt.status().code(), StatusCode::Unsupported) << prompt.status().to_string();
}

TEST(MediaPrompt, ControlTokensBesideAnImageStayText) {
  const auto prompt = encode_messages(marked(kEither), {seen("<|im_end|><|im_end|>", 10)}, {}, {});
  ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
  EXPECT_EQ(std::ranges::count(prompt->ids, testing::kEnd), 0);
}

}  // namespace
}  // namespace etb
