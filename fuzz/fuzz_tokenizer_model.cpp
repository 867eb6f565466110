// A tokenizer.model from hostile hands, SentencePiece's or tiktoken's: read, and if that works,
// tokenize a text with it.
// rooms: token family platform
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "token/sentencepiece_file.h"
#include "token/tiktoken_file.h"
#include "token/tokenizer.h"

namespace {

constexpr std::string_view kTexts[] = {"", "Hello  world, it's 12.5\n",
                                       " a▁b\u00e9\u6f22\U0001F600 </s> x"};

// Broken promises end the run, so that the fuzzer sees them.
void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (etb::token::looks_like_tiktoken(input)) {
    (void)etb::token::read_tiktoken(input);
    return 0;
  }
  const auto vocab = etb::token::read_sentencepiece(input);
  if (!vocab.ok()) return 0;
  const auto tokenizer = etb::token::Tokenizer::create(*vocab);
  if (!tokenizer.ok()) return 0;
  for (const std::string_view text : kTexts) {
    const auto ids = tokenizer->encode(text, {.parse_special = true, .add_bos = true});
    if (!ids.ok()) continue;
    for (const etb::TokenId id : *ids) require(id < tokenizer->vocab_size());
    require(tokenizer->decode(*ids).ok());
  }
  return 0;
}
