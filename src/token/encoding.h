// One call of Tokenizer::encode: cuts the text at tokens that stand in it as wholes, and sends the
// gaps through normalisation, pre-tokenizer and model.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "family/vocab.h"
#include "token/normalizer.h"
#include "token/pretokenizer.h"
#include "token/rule_tokens.h"
#include "token/special_matcher.h"
#include "token/unigram.h"
#include "token/word_encoder.h"

namespace etb::token {

struct TextPart;

// A vocabulary made ready: everything that calls share. Immutable but for what `direct` learns.
struct Model {
  // Unsupported or Corrupt, naming what, if the vocabulary's rules cannot be carried out.
  static Result<std::unique_ptr<const Model>> create(family::VocabView view);
  explicit Model(family::VocabView view) : vocab(view), specials(vocab), direct(vocab) {}

  family::VocabView vocab;
  SpecialMatcher specials;
  DirectTokens direct;
  Normalizer normalizer;
  PreTokenizer pretokenizer;
  RuleTokens raw_tokens, normalized_tokens;
  UnigramPieces pieces;
  std::array<bool, 256> begins_whole{};  // bytes that a token of specials or raw_tokens begins with
  bool ignore_merges = false, separate_unknown = false, single_sums = false;
};

class Encoding {
 public:
  explicit Encoding(const Model& model);

  // Appends to ids(). `parts` cover `text`, which is valid UTF-8. `continues`: it goes on behind
  // other text.
  Status run(std::string_view text, std::span<const TextPart> parts, bool continues);
  std::vector<TokenId>& ids() { return ids_; }

 private:
  struct Found {
    SpecialMatch match;
    bool apart = true;
  };
  std::optional<Found> find_whole(std::string_view text, size_t at, size_t control_end) const;
  Status encode_gap(std::string_view text, PreTokenizer::Start start);
  Status encode_normalized(std::string_view text, PreTokenizer::Start start);
  Status encode_words(std::string_view text, PreTokenizer::Start start);
  size_t emit(const SpecialMatch& match, std::string_view text);

  const Model& model_;
  std::unique_ptr<WordEncoder> encoder_;
  Words words_;
  std::string normalized_, spaced_;
  std::vector<TokenId> ids_;
};

}  // namespace etb::token
