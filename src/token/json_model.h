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

// Where a spelling is found again: an open-addressed table over `tokens`.
class SpellingIndex {
 public:
  explicit SpellingIndex(const std::vector<std::string>& tokens) : tokens_(tokens) {}
  // Makes room for `count` spellings.
  void reserve(size_t count);
  // Of two tokens spelt alike the first stays.
  void insert(TokenId id);
  TokenId find(std::string_view spelling) const;

 private:
  struct Slot {
    uint32_t tag = 0;
    TokenId id = kNoToken;
  };
  const std::vector<std::string>& tokens_;
  std::vector<Slot> slots_;
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
