#include "engine/conversation.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

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

// A cut or a summary stands for the messages before it: changed ones need another.
void changed_from(Conversation& conversation, size_t index) {
  const size_t told = std::max(conversation.history.cut, conversation.history.summary.covers);
  if (index < system_messages(conversation) + told) conversation.history = {};
}

}  // namespace

void clear(Conversation& conversation) {
  conversation.messages.clear();
  conversation.history = {};
  if (!conversation.system.empty()) {
    conversation.messages.push_back({.role = "system", .content = conversation.system});
  }
}

void set_system(Conversation& conversation, std::string system) {
  conversation.system = std::move(system);
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

void add_answer(Conversation& conversation, const FormattedPrompt& prompt, const Answer& answer,
                const token::Tokenizer& tokenizer) {
  conversation.messages.push_back({.role = "assistant", .content = answer.text});
  conversation.history.cut = prompt.cut;
  Transcript& transcript = conversation.transcript;
  transcript = {prompt.text, prompt.ids};
  std::vector<TokenId> said = answer.ids;
  if (answer.finish_reason == FinishReason::Stop && !said.empty()) said.pop_back();
  std::string spoken;
  for (const TokenId id : said) {
    if (const auto bytes = tokenizer.piece(id); bytes.ok()) spoken += *bytes;
  }
  if (spoken != answer.text) return;
  transcript.text += answer.text;
  transcript.ids.insert(transcript.ids.end(), said.begin(), said.end());
}

}  // namespace etb
