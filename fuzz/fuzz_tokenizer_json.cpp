// A tokenizer.json from hostile hands, and a tokenizer_config.json behind it (after a line of
// `---`): read, and if that works, tokenize a text with it.
// rooms: token family platform
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "token/tokenizer.h"
#include "token/tokenizer_file.h"
#include "token/tokenizer_json.h"
#include "tokenize_texts.h"

namespace {

constexpr std::string_view kSeparator = "\n---\n";
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find(kSeparator);
  auto vocab = etb::token::read_tokenizer_json(input.substr(0, cut));
  if (!vocab.ok()) return 0;
  etb::token::TokenizerFiles files;
  files.vocab = std::move(vocab).value();
  if (cut != std::string_view::npos) {
    etb::token::SideFiles side;
    side.tokenizer_config = input.substr(cut + kSeparator.size());
    side.generation_config = side.tokenizer_config;
    (void)etb::token::apply_side_files(side, files);
  }
  for (const etb::TokenId id : files.eos_ids) require(id < files.vocab.tokens.size());
  const auto tokenizer = etb::token::Tokenizer::create(files.vocab);
  if (tokenizer.ok()) tokenize_texts(*tokenizer);
  return 0;
}
