// Words are pairs of pieces that exist already, so every one of them is reachable.
#include "support/random_vocab.h"

#include <cstdio>
#include <set>

#include "base/text.h"

namespace etb::test {
namespace {

std::string utf8(uint32_t code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3f))};
}

// The printable stand-ins of byte-level BPE: printable Latin-1 stands for itself, the rest is moved
// behind U+0100 in order.
std::vector<std::string> byte_pieces() {
  std::vector<std::string> pieces(256);
  uint32_t moved = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    pieces[byte] = utf8(itself ? byte : moved++);
  }
  return pieces;
}

// Made-up words: each joins two of the pieces so far; none longer than 24 bytes.
struct Words {
  std::vector<std::string> words;
  std::vector<std::string> merges;
};
Words make_words(std::vector<std::string> pieces, size_t count, uint64_t seed) {
  Words out;
  std::set<std::string> known(pieces.begin(), pieces.end());
  uint64_t state = seed;
  const auto pick = [&]() -> const std::string& {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return pieces[(state >> 33) % pieces.size()];
  };
  while (out.words.size() < count) {
    const std::string left = pick();
    const std::string right = pick();
    if (left.size() + right.size() > 24 || !known.insert(left + right).second) continue;
    out.words.push_back(left + right);
    out.merges.push_back(left + " " + right);
    pieces.push_back(left + right);
  }
  return out;
}

std::vector<std::string> letters(std::string_view space) {
  std::vector<std::string> out = {std::string(space)};
  for (char c = 'a'; c <= 'z'; ++c) out.emplace_back(1, c);
  return out;
}

void add_ids(GgufWriter& writer, bool add_bos) {
  writer.key_u32("tokenizer.ggml.bos_token_id", 1);
  writer.key_u32("tokenizer.ggml.eos_token_id", 2);
  writer.key_bool("tokenizer.ggml.add_bos_token", add_bos);
}

void add_bpe(const RandomGgufSpec& spec, GgufWriter& writer) {
  std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  std::vector<int32_t> types(3, 3);
  for (std::string& piece : byte_pieces()) tokens.push_back(std::move(piece));
  const Words made = make_words(letters("\xc4\xa0"), spec.vocab - tokens.size(), spec.seed);
  tokens.insert(tokens.end(), made.words.begin(), made.words.end());
  types.resize(tokens.size(), 1);
  if (!spec.first_token.empty()) {
    tokens[0] = spec.first_token;
    types[0] = 4;
  }
  writer.key_text("tokenizer.ggml.model", "gpt2");
  writer.key_text("tokenizer.ggml.pre", spec.pre);
  writer.key_texts("tokenizer.ggml.tokens", tokens);
  writer.key_ints("tokenizer.ggml.token_type", types);
  writer.key_texts("tokenizer.ggml.merges", made.merges);
  add_ids(writer, spec.add_bos);
}

void add_pieces(const RandomGgufSpec& spec, GgufWriter& writer) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types = {2, 3, 3};
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    tokens.emplace_back(name);
    types.push_back(6);
  }
  const auto alphabet = letters("\xe2\x96\x81");
  tokens.insert(tokens.end(), alphabet.begin(), alphabet.end());
  const Words made = make_words(alphabet, spec.vocab - tokens.size(), spec.seed);
  tokens.insert(tokens.end(), made.words.begin(), made.words.end());
  types.resize(tokens.size(), 1);
  std::vector<float> scores(tokens.size(), 0.0f);
  for (size_t id = 259; id < tokens.size(); ++id) scores[id] = -static_cast<float>(id - 258);
  writer.key_text("tokenizer.ggml.model", "llama");
  writer.key_texts("tokenizer.ggml.tokens", tokens);
  writer.key_floats("tokenizer.ggml.scores", scores);
  writer.key_ints("tokenizer.ggml.token_type", types);
  add_ids(writer, spec.add_bos);
}

}  // namespace

Status add_random_vocab(const RandomGgufSpec& spec, GgufWriter& writer) {
  if (spec.vocab < 300) {
    return Status(StatusCode::InvalidArgument,
                  concat("a vocabulary of ", spec.vocab, " is too small (at least 300)"));
  }
  if (spec.tokenizer == RandomVocab::Bpe) add_bpe(spec, writer);
  if (spec.tokenizer == RandomVocab::SentencePiece) add_pieces(spec, writer);
  return {};
}

}  // namespace etb::test
