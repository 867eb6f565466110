// How a tokenizer prepares text before its model sees it: normalisation, cutting into words, tokens
// that are found in the text as wholes. As data: readers of foreign files write it, the .pte stores
// it (VocabData::pre), TextPipeline carries it out. A few well-known sets of rules have names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"

namespace etb::token {

// Applied in order to the text between special tokens.
struct NormalizeStep {
  enum class Kind : uint8_t {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
    Lowercase,
    StripAccents,    // takes combining marks away
    Prepend,         // `to` before a text that is not empty
    Replace,         // every `from` by `to`
    ReplaceRegex,    // every match of the expression `from` by `to`
    Strip,           // white space at the left, at the right
    CharsMap,        // SentencePiece's precompiled map, whose bytes are `from`
    CollapseSpaces,  // no spaces at the ends, one for each run of them
  };
  Kind kind = Kind::Nfc;
  std::string from, to;
  bool left = false, right = false;  // Strip
  bool operator==(const NormalizeStep&) const = default;
};

// Applied in order to each word that those before have cut; at first the whole text is one.
struct SplitStep {
  enum class Kind : uint8_t {
    Regex,    // cuts at matches of `pattern`, a tokenizer file's expression
    Literal,  // cuts at `pattern`
    Prepend,  // `to` before each word that does not begin with it
    Replace,  // every `pattern` by `to`
  };
  // What becomes of the text that matched (of what did not, with `invert`).
  enum class Behavior : uint8_t {
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
  };
  Kind kind = Kind::Regex;
  Behavior behavior = Behavior::Isolated;
  bool invert = false;
  bool first_only = false;  // Prepend: to the word that begins where the whole text does
  std::string pattern, to;
  bool operator==(const SplitStep&) const = default;
};

// A token that is found in the text as a whole and for which the vocabulary's list of special
// tokens says too little.
// How GPT-2 cuts words, which "ByteLevel" of a tokenizer.json means.
inline constexpr std::string_view kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

inline constexpr size_t kMaxRuleTokenBytes = 1024;

struct RuleToken {
  TokenId id = kNoToken;
  std::string text;
  bool control = false;      // only where control tokens may be
  bool normalized = false;   // is looked for after normalisation
  bool single_word = false;  // only where no letter or digit touches it
  bool operator==(const RuleToken&) const = default;
};

struct TextRules {
  std::vector<NormalizeStep> normalizers;
  std::vector<SplitStep> splits;
  std::vector<RuleToken> tokens;
  bool ignore_merges = false;     // a word that is a vocabulary entry is taken whole
  bool separate_unknown = false;  // each unknown character becomes an unknown token of its own
  bool single_sums = false;       // Unigram adds scores up in single precision, as SentencePiece
  bool operator==(const TextRules&) const = default;
};

// The name of well-known rules that equal these, else their stored form (no name begins as it
// does).
std::string write_rules(const TextRules& rules);

// The rules of a name or of a stored form. Unsupported, naming the known ones, if a name is not
// known; Corrupt if a stored form is broken.
Result<TextRules> read_rules(std::string_view stored);

}  // namespace etb::token
