// For the targets that read tokenizer files: what opens must tokenize.
#pragma once

#include <string_view>

#include "require.h"
#include "token/tokenizer.h"

inline void tokenize_texts(const etb::token::Tokenizer& tokenizer) {
  constexpr std::string_view kTexts[] = {"", "Hello  world, it's 12.5\n",
                                         " a▁b\u00e9\u6f22\U0001F600 <|im_end|> </s> x"};
  for (const std::string_view text : kTexts) {
    const auto ids = tokenizer.encode(text, {.parse_special = true, .add_bos = true});
    if (!ids.ok()) continue;
    for (const etb::TokenId id : *ids) require(id < tokenizer.vocab_size());
    require(tokenizer.decode(*ids).ok());
  }
}
