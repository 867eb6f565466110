// Text to token ids and back. A Tokenizer is a handle to an immutable, thread-safe thing: copy it
// freely. It reads a stored vocabulary (family/vocab.h) in place, usually inside the .pte's
// mapping.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "family/vocab.h"

namespace etb::token {

// A piece of a prompt. Control tokens (<|im_end|>, <eos>, ...) are recognised only where
// `parse_special` is set, and never across the border to a piece without it; so what a user typed
// stays text, while the template around it may hold control tokens.
struct TextPart {
  std::string_view text;
  bool parse_special = false;
};

struct EncodeOptions {
  bool parse_special = false;  // for the whole text; TextPart says it for each part
  bool add_bos = false;        // puts the BOS first, if the vocabulary has one: see wants_bos()
  bool add_eos = false;        // puts the EOS last, if the vocabulary has one: see wants_eos()
  bool continues = false;      // goes on behind other text: no space is put before it
};

struct DecodeOptions {
  bool special = false;  // the text of control tokens too; else they stand for nothing
};

class Tokenizer {
 public:
  // `bytes` as serialize_vocab wrote them; `owner` keeps them alive as long as any copy lives.
  // Corrupt for broken bytes; Unsupported for a pre-tokenizer that this build does not know.
  static Result<Tokenizer> create(std::span<const uint8_t> bytes,
                                  std::shared_ptr<const void> owner);
  static Result<Tokenizer> create(std::vector<uint8_t> bytes);
  static Result<Tokenizer> create(const family::VocabData& data);

  // UserDefined tokens are always recognised. InvalidArgument, naming the byte offset, if the text
  // is not valid UTF-8 (nothing is repaired: what the model sees is what was given).
  Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options = {}) const;
  // The same ids as the parts' texts joined, but for where control tokens may be; options'
  // parse_special is not looked at.
  Result<std::vector<TokenId>> encode(std::span<const TextPart> parts,
                                      EncodeOptions options = {}) const;

  // The exact bytes of one token, possibly a part of a character; a view into the vocabulary. Empty
  // for control tokens unless options.special. InvalidArgument for an id outside the vocabulary.
  Result<std::string_view> piece(TokenId id, DecodeOptions options = {}) const;
  // The pieces joined; without the one space that encode() puts before the text (wants_space()), if
  // the first id that stands for text begins with it.
  Result<std::string> decode(std::span<const TokenId> ids, DecodeOptions options = {}) const;

  uint32_t vocab_size() const;
  // Control or Unknown: never part of an answer's text. False for ids outside the vocabulary.
  bool is_control(TokenId id) const;
  // bos, eos, eot, eom, unk, pad, as the model file names them.
  const family::VocabIds& ids() const;
  bool wants_bos() const;
  bool wants_eos() const;
  bool wants_space() const;
  // The special token spelt exactly so (e.g. "<|eot_id|>"), or kNoToken.
  TokenId find_special(std::string_view text) const;

 private:
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace etb::token
