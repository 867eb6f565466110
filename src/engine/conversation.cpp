#include "engine/conversation.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engine/tool_calls.h"

namespace etb {
namespace {

Status no_such_message(size_t index, size_t count) {
  return {
      StatusCode::InvalidArgument,
      concat("there is no message ", index, ": the conversation has ", count, ", counted from 0")};
}

size_t system_messages(const Conversation& conversation) {
  const auto first = std::find_if(conversation.messages.begin(), conversation.messages.end(),
                                  [](const prompt::Message& m) { return m.role != "system"; });
  return static_cast<size_t>(first - conversation.messages.begin());
}

// A cut or a summary stands for the messages before it: changed ones need another. Answers from
// there on are no longer what was generated, even where the new text begins as the old one did.
void changed_from(Conversation& conversation, size_t index) {
  std::erase_if(conversation.transcript.marks,
                [&](const Transcript::Mark& mark) { return mark.messages > index; });
  const size_t told = std::max(conversation.history.cut, conversation.history.summary.covers);
  if (index < system_messages(conversation) + told) conversation.history = {};
}

}  // namespace

void clear(Conversation& conversation) {
  conversation.transcript = {};
  conversation.messages.clear();
  conversation.history = {};
  conversation.began.reset();
  if (!conversation.system.empty()) {
    conversation.messages.push_back({.role = "system", .content = conversation.system});
  }
}

void set_system(Conversation& conversation, std::string system) {
  conversation.system = std::move(system);
  conversation.transcript = {};
  auto& messages = conversation.messages;
  messages.erase(messages.begin(),
                 messages.begin() + static_cast<ptrdiff_t>(system_messages(conversation)));
  if (conversation.system.empty()) return;
  messages.insert(messages.begin(), {.role = "system", .content = conversation.system});
}

Status edit(Conversation& conversation, size_t index, std::string text) {
  if (index >= conversation.messages.size()) {
    return no_such_message(index, conversation.messages.size());
  }
  changed_from(conversation, index);
  conversation.messages.resize(index + 1);
  prompt::Message& message = conversation.messages[index];
  message.content = std::move(text);
  message.reasoning.clear();
  message.fields.clear();
  for (prompt::Attachment& attachment : message.media) attachment.at = 0;
  if (index == 0 && message.role == "system") conversation.system = message.content;
  return {};
}

Status pin(Conversation& conversation, size_t index, bool pinned) {
  if (index >= conversation.messages.size()) {
    return no_such_message(index, conversation.messages.size());
  }
  changed_from(conversation, index);
  conversation.messages[index].pinned = pinned;
  return {};
}

Status take_back_answer(Conversation& conversation) {
  auto& messages = conversation.messages;
  if (!messages.empty() && messages.back().role == "assistant") messages.pop_back();
  if (!messages.empty() && messages.back().role != "assistant" &&
      messages.back().role != "system") {
    changed_from(conversation, messages.size() - 1);
    return {};
  }
  return {StatusCode::InvalidArgument, "there is no message to answer again: ask something first"};
}

void replace(Conversation& conversation, std::vector<prompt::Message> messages) {
  const auto same_media = [](const prompt::Attachment& a, const prompt::Attachment& b) {
    return a.at == b.at && a.media->hash() == b.media->hash();
  };
  const auto same = [&](const prompt::Message& a, const prompt::Message& b) {
    return a.role == b.role && a.content == b.content && a.reasoning == b.reasoning &&
           a.fields == b.fields && std::ranges::equal(a.media, b.media, same_media);
  };
  const auto& old = conversation.messages;
  const auto differs =
      std::mismatch(old.begin(), old.end(), messages.begin(), messages.end(), same);
  changed_from(conversation, static_cast<size_t>(differs.first - old.begin()));
  conversation.history = {};
  conversation.messages = std::move(messages);
}

void add_answer(Conversation& conversation, const FormattedPrompt& prompt, const Answer& answer,
                const token::Tokenizer& tokenizer) {
  conversation.messages.push_back(
      {.role = "assistant",
       .content = answer.text,
       .reasoning = answer.reasoning,
       .fields = answer.tool_calls.empty() ? "" : fields_of_calls(answer.tool_calls)});
  conversation.history.cut = prompt.cut;
  Transcript& transcript = conversation.transcript;
  // Earlier answers that this prompt repeats, as they were.
  std::erase_if(transcript.marks, [&](const Transcript::Mark& mark) {
    return mark.ids > prompt.ids.size() ||
           !prompt.text.starts_with(std::string_view(transcript.text).substr(0, mark.text)) ||
           !std::equal(prompt.ids.begin(), prompt.ids.begin() + static_cast<ptrdiff_t>(mark.ids),
                       transcript.ids.begin());
  });
  transcript.text = prompt.text;
  transcript.ids = prompt.ids;
  std::vector<TokenId> said = answer.ids;
  const bool ended =
      answer.finish_reason == FinishReason::Stop || answer.finish_reason == FinishReason::ToolCalls;
  if (ended && !said.empty()) said.pop_back();
  // What a template will write of calls, marks included, is known only then.
  const bool calls = !answer.tool_calls.empty();
  std::string spoken;
  for (const TokenId id : said) {
    if (const auto bytes = tokenizer.piece(id, {.special = calls}); bytes.ok()) spoken += *bytes;
  }
  if (!calls && spoken != answer.text) return;
  transcript.text += spoken;
  transcript.ids.insert(transcript.ids.end(), said.begin(), said.end());
  transcript.marks.push_back({.messages = conversation.messages.size(),
                              .text = transcript.text.size(),
                              .ids = transcript.ids.size()});
}

}  // namespace etb
