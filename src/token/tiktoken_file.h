// tiktoken's file of ranks, as Meta publishes Llama 3's tokenizer.model: a line a token, its bytes
// in base64 and its rank, which is its id.
#pragma once

#include <string_view>

#include "base/status.h"
#include "family/vocab.h"

namespace etb::token {

// Whether a file begins as such a file does.
bool looks_like_tiktoken(std::string_view text);

// The special tokens and the expression that cuts words are not in the file: they follow from the
// number of its tokens, and Llama 3's 128,000 is the one that is known. The names are those of
// Llama 3.1 and later. Corrupt naming the line; Unsupported for another number of tokens.
Result<family::VocabData> read_tiktoken(std::string_view text);

}  // namespace etb::token
