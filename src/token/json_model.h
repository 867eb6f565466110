// The member "model" of a tokenizer.json: the two lists that make up nearly all of the file, read
// straight into a VocabData.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "family/vocab.h"
#include "token/json_reader.h"

namespace etb::token {

// Where a spelling is found again: an open-addressed table over `tokens`, small enough to stay in
// the cache.
class SpellingIndex {
 public:
  explicit SpellingIndex(const family::TextList& tokens) : tokens_(tokens) {}
  // All tokens but empty ones; of two spelt alike the first. Precondition: at most kMaxTokens.
  void fill();
  TokenId find(std::string_view spelling) const;

  // The same in steps, each of which prefetches what the next one reads: a search that goes through
  // them beside others does not wait for memory.
  struct Search {
    std::string_view spelling;
    uint64_t hash = 0;
    size_t at = 0;  // a slot
  };
  Search begin(std::string_view spelling) const;
  void go_to_token(Search& search) const;
  void go_to_text(const Search& search) const;
  TokenId end(Search& search) const;

  static constexpr unsigned kIdBits = 22;
  static constexpr size_t kMaxTokens = size_t{1} << kIdBits;  // as the stored vocabulary has

 private:
  // Of a slot's 32 bits the lowest are an id, then come 9 of the hash.
  static constexpr uint32_t kEmpty = 0xFFFF'FFFF;
  static constexpr uint32_t kIdMask = (1u << kIdBits) - 1;
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 55) << kIdBits; }
  // To the slot of this spelling, or the empty one where it would be.
  void go_to_slot(Search& search) const;

  const family::TextList& tokens_;
  std::vector<uint32_t> slots_;
};

struct JsonModel {
  bool is_unigram = false;
  bool ignore_merges = false;
  bool byte_fallback = false;
  bool fuse_unk = false;
  std::optional<std::string> unk_token;  // BPE
  std::optional<TokenId> unk_id;         // Unigram
};

// Fills tokens, scores (Unigram) and merge_ids (BPE). Ids without an entry stay empty texts.
// Corrupt or Unsupported as read_tokenizer_json.
Result<JsonModel> read_json_model(JsonReader& json, family::VocabData& vocab);

}  // namespace etb::token
