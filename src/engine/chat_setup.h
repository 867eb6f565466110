// What a conversation with a model needs beyond its own files' words: a chat template where there
// is none, and every id that ends an answer.
#pragma once

#include <vector>

#include "base/token_id.h"
#include "engine/model_bundle.h"

namespace etb {

// Gives a bundle without a chat template the built-in one that its vocabulary tells
// (family/chat_format.h), if it tells one; notes the format either way, how it reasons, how it
// calls tools, which forms of content the template takes, and what stands around images and sounds.
void settle_chat_format(ModelBundle& bundle);

// Any id that ends an answer, whoever names it: the file's metadata, its tokenizer (end of text, of
// turn, of message) or the chat format; sorted. Metadata may be another model's: an id that is an
// ordinary piece of text here is left out, with a warning, as long as another one is left.
std::vector<TokenId> collect_stop_ids(const ModelBundle& bundle);

}  // namespace etb
