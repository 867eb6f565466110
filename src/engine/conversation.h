// The text of a conversation, what its last prompt was, and the changes people make to it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/answer.h"
#include "engine/history.h"
#include "engine/prompt_encoder.h"
#include "prompt/chat_template.h"
#include "token/tokenizer.h"

namespace etb {

struct Conversation {
  std::string system;
  std::vector<prompt::Message> messages;  // the system prompt first, if there is one
  Transcript transcript;
  HistoryState history;
  // UTC, when it began: the day that templates show. It stays, for a prompt that changed with the
  // clock would have to be computed anew from its start. nullopt: nothing has been asked yet.
  std::optional<int64_t> began = {};
};

// Forgets the messages but the system prompt.
void clear(Conversation& conversation);
void set_system(Conversation& conversation, std::string system);
// Gives message `index` another text, behind what is attached to it; those after it go.
// InvalidArgument: there is none.
Status edit(Conversation& conversation, size_t index, std::string text);
Status pin(Conversation& conversation, size_t index, bool pinned);
// Takes the last answer away, so that the message before it can be answered anew. InvalidArgument:
// there is nothing to answer.
Status take_back_answer(Conversation& conversation);

// Puts other messages in their place. What both begin with keeps its ids.
void replace(Conversation& conversation, std::vector<prompt::Message> messages);
// Adds the answer to what `prompt` asked. The next prompt usually repeats both: their ids are
// spliced in as they were generated, where the text says the same.
void add_answer(Conversation& conversation, const FormattedPrompt& prompt, const Answer& answer,
                const token::Tokenizer& tokenizer);

}  // namespace etb
