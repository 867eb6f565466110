// A tokenizer.model from hostile hands, SentencePiece's or tiktoken's: read, and if that works,
// tokenize a text with it.
// rooms: token family platform
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "token/sentencepiece_file.h"
#include "token/tiktoken_file.h"
#include "token/tokenizer.h"
#include "tokenize_texts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (etb::token::looks_like_tiktoken(input)) {
    (void)etb::token::read_tiktoken(input);
    return 0;
  }
  const auto vocab = etb::token::read_sentencepiece(input);
  if (!vocab.ok()) return 0;
  const auto tokenizer = etb::token::Tokenizer::create(*vocab);
  if (tokenizer.ok()) tokenize_texts(*tokenizer);
  return 0;
}
