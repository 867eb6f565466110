// A stored tokenizer from hostile hands: parse, and if it opens, go back and forth through it. The
// input's last bytes are also the text that is tokenized.
// rooms: token family
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "require.h"
#include "token/tokenizer.h"

namespace {

void use(const etb::token::Tokenizer& tokenizer, std::string_view text) {
  const uint32_t size = tokenizer.vocab_size();
  for (const bool special : {false, true}) {
    const auto ids = tokenizer.encode(text, {.parse_special = special, .add_bos = special});
    if (!ids.ok()) {
      require(ids.status().code() == etb::StatusCode::InvalidArgument);
      continue;
    }
    for (const etb::TokenId id : *ids) require(id < size);
    require(tokenizer.decode(*ids, {.special = special}).ok());
  }
  const etb::token::TextPart parts[] = {{text.substr(0, text.size() / 2), true},
                                        {text.substr(text.size() / 2), false}};
  (void)tokenizer.encode(parts);
  for (etb::TokenId id = 0; id < size && id < 2000; ++id) {
    const auto piece = tokenizer.piece(id, {.special = true});
    require(piece.ok());
    (void)tokenizer.find_special(*piece);
  }
  require(!tokenizer.piece(size).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const size_t tail = size < 64 ? size : 64;
  std::string text(reinterpret_cast<const char*>(data) + (size - tail), tail);
  const auto tokenizer = etb::token::Tokenizer::create(std::vector<uint8_t>(data, data + size));
  if (!tokenizer.ok()) return 0;
  use(*tokenizer, text);
  for (char& c : text) c = static_cast<char>(c & 0x7F);  // valid UTF-8 in any case
  use(*tokenizer, text);
  return 0;
}
