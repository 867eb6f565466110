// What a conversation with a model needs beyond its own files' words: a chat template where there
// is none or another one was asked for, and every id that ends an answer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "engine/model_bundle.h"

namespace etb {

// A chat template that a user asked for.
struct ChosenTemplate {
  std::shared_ptr<const prompt::ChatTemplate> chat_template;  // null: none was
  const family::ChatFormat* format = nullptr;                 // if it is a built-in one
};

// The template of the built-in chat format of that name, else what the file says. NotFound, with
// the names, if there is neither; the parser's error, with the path, if it is no template. An empty
// name asks for none.
Result<ChosenTemplate> choose_template(const std::string& name_or_path);

// Gives a bundle without a chat template the built-in one that its vocabulary tells
// (family/chat_format.h), if it tells one; notes the format either way, how it reasons, how it
// calls tools, which forms of content the template takes, what it writes behind an answer, and what
// stands around images and sounds.
void settle_chat_format(ModelBundle& bundle);

// Any id that ends an answer, whoever names it: the file's metadata, its tokenizer (end of text, of
// turn, of message), the chat format or the template; sorted. Metadata may be another model's: an
// id that is an ordinary piece of text here is left out, with a warning, as long as another one is
// left.
std::vector<TokenId> collect_stop_ids(const ModelBundle& bundle);

}  // namespace etb
