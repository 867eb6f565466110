// The tokenizer keys of a random model: a small vocabulary that really tokenizes any text.
#pragma once

#include "base/status.h"
#include "support/gguf_writer.h"
#include "support/random_gguf.h"

namespace etb::test {

// Ids 0, 1, 2 are <|endoftext|>, <|im_start|> (bos), <|im_end|> (eos), or <unk>, <s>, </s> for
// SentencePiece; then 256 bytes; then made-up words. Needs a vocabulary of at least 300.
Status add_random_vocab(const RandomGgufSpec& spec, GgufWriter& writer);

}  // namespace etb::test
