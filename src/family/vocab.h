// What a model file says of its tokenizer, and our own stored form of it: the .pte's segment
// `etb.tokenizer`. The importer fills a VocabData (spelt as GGUF spells it) and serializes it once,
// with every table a tokenizer needs; parse_vocab then only checks and points into the mapping.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "family/text_list.h"

namespace etb::family {

enum class VocabKind : uint32_t {
  ByteLevelBpe = 1,   // GGUF tokenizer.ggml.model "gpt2"
  SentencePiece = 2,  // GGUF tokenizer.ggml.model "llama": characters, the best score merges first
  PieceBpe = 3,       // tokenizer.json's BPE without ByteLevel: characters, merges by their list
  Unigram = 4,        // the cut into pieces with the best sum of scores
  RankedBytes = 5,    // tiktoken: tokens are raw bytes, the lowest id merges first
};

// The numbers are GGUF's (tokenizer.ggml.token_type).
enum class TokenType : uint8_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

// The tokens with a role of their own; absent where the model file names none.
struct VocabIds {
  std::optional<TokenId> bos, eos, eot, eom, unk, pad;
};

// A pair of neighbours and what it becomes.
struct MergeIds {
  TokenId left, right, merged;
};

struct VocabData {
  VocabKind kind = VocabKind::ByteLevelBpe;
  // How text is prepared: tokenizer.ggml.pre, e.g. "smollm", or rules of token/text_rules.h. Opaque
  // here.
  std::string pre;
  TextList tokens;                  // as the model file spells them
  std::vector<float> scores;        // SentencePiece, Unigram: one a token; else may be empty
  std::vector<TokenType> types;     // one a token, or empty: all Normal
  std::vector<std::string> merges;  // ByteLevelBpe: "left right", best first
  std::vector<MergeIds> merge_ids;  // the same by ids, instead: ByteLevelBpe, PieceBpe
  // Special tokens that are not found in raw text by their bytes: `pre` says how they are.
  std::vector<TokenId> unlisted;
  // Special tokens that swallow the white space before or behind them (tokenizer.json: lstrip,
  // rstrip).
  std::vector<TokenId> strip_left, strip_right;
  VocabIds ids;
  bool add_bos = false;
  bool add_eos = false;
  // SentencePiece: a space goes before the text (GGUF default: true). PieceBpe, Unigram: decoding
  // takes one away again; what puts it there is in `pre`.
  bool add_space_prefix = false;
  bool space_marks = true;  // U+2581 in a piece is a space (all kinds but the byte-level ones)
  // Leaves is_direct() out, which costs a merge a token: for a vocabulary that is opened, not kept.
  bool skip_direct = false;
};

// The stored form, version 1. InvalidArgument names the token or merge that does not fit: an id
// beyond the vocabulary, arrays of unequal length, a merge of pieces that the vocabulary lacks.
Result<std::vector<uint8_t>> serialize_vocab(const VocabData& data);

// A checked, read-only view into a stored vocabulary; the bytes must outlive it. Copying is cheap.
// All lookups are bounded and stay inside the bytes whatever these hold.
class VocabView {
 public:
  VocabKind kind() const { return kind_; }
  std::string_view pre() const { return pre_; }
  uint32_t size() const { return size_; }
  const VocabIds& ids() const { return ids_; }
  bool add_bos() const { return add_bos_; }
  bool add_eos() const { return add_eos_; }
  bool add_space_prefix() const { return add_space_prefix_; }
  uint32_t max_token_bytes() const { return max_token_bytes_; }
  bool knows_direct() const { return knows_direct_; }  // is_direct() says more than false

  // The next six: precondition id < size().
  // What the token stands for in text: real bytes and spaces, not the model file's spelling.
  std::string_view bytes(TokenId id) const;
  TokenType type(TokenId id) const;
  float score(TokenId id) const;  // 0 where the file has none
  // Merging the token's own text ends at this very token, so a word that equals it needs no
  // merging.
  bool is_direct(TokenId id) const;
  bool strips_left(TokenId id) const;
  bool strips_right(TokenId id) const;

  // The Normal or UserDefined token with these bytes, or kNoToken.
  TokenId find(std::string_view bytes) const;
  // The token of one byte: a one-byte piece (BPE) or a byte-fallback token; or kNoToken.
  TokenId byte_token(uint8_t byte) const;

  // The kinds of characters: no piece has this byte with a space behind it, so text may be cut
  // between the two.
  bool cuts_before_space(uint8_t byte) const {
    return (before_space_[byte / 8] >> (byte % 8) & 1) == 0;
  }

  struct Merge {
    uint32_t rank = 0;
    TokenId merged = kNoToken;  // kNoToken: the pair does not merge
  };
  Merge find_merge(TokenId left, TokenId right) const;

  // Tokens that are found in raw text as a whole (Control, Unknown, UserDefined; never empty ones),
  // in the order of their bytes: the i-th.
  uint32_t special_count() const { return special_count_; }
  TokenId special(uint32_t i) const;

 private:
  friend class VocabParser;

  VocabKind kind_ = VocabKind::ByteLevelBpe;
  std::string_view pre_;
  VocabIds ids_;
  bool add_bos_ = false, add_eos_ = false, add_space_prefix_ = false, knows_direct_ = true;
  uint32_t size_ = 0, special_count_ = 0, max_token_bytes_ = 0;
  uint32_t piece_mask_ = 0, merge_mask_ = 0;  // slots - 1 (a power of two)
  const uint8_t* before_space_ = nullptr;     // u8[32], bits
  const uint8_t* offsets_ = nullptr;          // u32[size + 1] into text_
  const uint8_t* scores_ = nullptr;           // f32[size], or null
  const uint8_t* byte_tokens_ = nullptr;      // u32[256]
  const uint8_t* specials_ = nullptr;         // u32[special_count]
  const uint8_t* pieces_ = nullptr;           // {u32 id, u32 tag}[piece slots]
  const uint8_t* merges_ = nullptr;           // {u32 left, right, rank, merged}[merge slots]
  const uint8_t* types_ = nullptr;            // u8[size]
  const char* text_ = nullptr;
};

// Checks every length, offset and id in one pass. Corrupt names the part that is broken;
// Unsupported a version this build does not know.
Result<VocabView> parse_vocab(std::span<const uint8_t> bytes);

}  // namespace etb::family
