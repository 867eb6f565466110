#include "token/json_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <deque>

#include "base/ahead.h"
#include "base/short_text.h"
#include "base/text.h"
#include "family/vocab_format.h"
#include "token/json_components.h"

namespace etb::token {
namespace {

using family::MergeIds;
using family::VocabData;

constexpr size_t kMaxTokens = SpellingIndex::kMaxTokens;
constexpr size_t kMaxMerges = size_t{1} << 23;
constexpr size_t kMaxHoles = size_t{1} << 16;  // ids that no entry has

Status corrupt(std::string_view what) {
  return Status(StatusCode::Corrupt, concat("tokenizer.json: ", what));
}

// No entry of either list has fewer bytes in a real file; what is reserved and not used costs
// nothing.
size_t likely_entries(const JsonReader& json) {
  return json.text_size() / 32;
}

// Reads the member, in whatever order they stand.
class ModelReader {
 public:
  ModelReader(JsonReader& json, VocabData& vocab)
      : json_(json), vocab_(vocab), index_(vocab.tokens) {}

  Result<JsonModel> run() {
    std::optional<JsonReader> merges;  // where they stand, if before the vocabulary
    if (!json_.begin_object()) return json_.status();
    for (std::string_view key; json_.next_key(key);) {
      if (key == "vocab") {
        ETB_RETURN_IF_ERROR(read_vocab());
      } else if (key == "merges" && vocab_.tokens.empty()) {
        merges = json_;
        json_.skip_value();
      } else if (key == "merges") {
        ETB_RETURN_IF_ERROR(read_merges(json_));
      } else {
        json_.read_value(rest_.add_member(std::string(key)));
      }
    }
    if (!json_.ok()) return json_.status();
    if (vocab_.tokens.empty()) return corrupt("model.vocab is missing or empty");
    if (merges) ETB_RETURN_IF_ERROR(read_merges(*merges));
    return finish();
  }

 private:
  Status read_vocab() {
    if (!vocab_.tokens.empty()) return corrupt("model.vocab is there twice");
    return json_.at_array() ? read_scored() : read_spelled();
  }

  // {"spelling": id, ...}
  Status read_spelled() {
    std::vector<bool> taken;
    size_t count = 0;
    vocab_.tokens.reserve(likely_entries(json_), json_.text_size() / 4);
    if (!json_.begin_object()) return json_.status();
    for (std::string_view spelling; json_.next_key(spelling); ++count) {
      uint32_t id = 0;
      if (!json_.read_uint(id)) break;
      if (id >= kMaxTokens || id > json_.text_size() + kMaxHoles) {
        return corrupt(concat("model.vocab: the id ", id, " is too large"));
      }
      if (id >= taken.size()) taken.resize(std::max<size_t>(id + size_t{1}, 2 * taken.size()));
      if (taken[id]) return corrupt(concat("model.vocab: two entries have the id ", id));
      taken[id] = true;
      vocab_.tokens.set(id, spelling);
    }
    if (!json_.ok()) return json_.status();
    if (vocab_.tokens.size() > count + kMaxHoles) return corrupt("model.vocab lacks most ids");
    index_.fill();
    return {};
  }

  // [["spelling", score], ...]
  Status read_scored() {
    if (!json_.begin_array()) return json_.status();
    while (json_.next_item()) {
      std::string_view spelling;
      double score = 0;
      if (!json_.begin_array() || !json_.next_item() || !json_.read_string(spelling)) break;
      vocab_.tokens.push_back(spelling);
      if (!json_.next_item() || !json_.read_number(score)) break;
      vocab_.scores.push_back(static_cast<float>(score));
      if (json_.next_item()) return corrupt("model.vocab: an entry is no pair");
      if (vocab_.tokens.size() > kMaxTokens) return corrupt("model.vocab is too large");
    }
    if (!json_.ok()) return json_.status();
    if (vocab_.scores.size() != vocab_.tokens.size()) {
      return corrupt("model.vocab: an entry is no pair");
    }
    is_unigram_ = true;
    return {};
  }

  // ["a b", ...] or [["a", "b"], ...]
  Status read_merges(JsonReader& json) {
    if (is_unigram_) return refused_component("model Unigram", "with merges");
    if (!vocab_.merge_ids.empty()) return corrupt("model.merges is there twice");
    vocab_.merge_ids.reserve(likely_entries(json));
    if (!json.begin_array()) return json.status();
    while (json.next_item()) {
      std::string_view left, right;
      if (json.at_array()) {
        if (!json.begin_array() || !json.next_item() || !json.read_string(left)) break;
        left = kept(json, left);
        if (!json.next_item() || !json.read_string(right)) break;
        right = kept(json, right);
        if (json.next_item()) return corrupt("model.merges: an entry is no pair");
      } else {
        if (!json.read_string(left)) break;
        const bool first = vocab_.merge_ids.empty() && search_count_ == 0;
        if (first && left.starts_with("#version")) continue;
        const std::string_view text = kept(json, left);
        const size_t space = text.find(' ');
        if (space == std::string_view::npos || space != text.rfind(' ')) {
          return corrupt(concat("model.merges: '", text, "' is no pair"));
        }
        left = text.substr(0, space);
        right = text.substr(space + 1);
      }
      searches_[search_count_++] = index_.begin(left);
      searches_[search_count_++] = index_.begin(right);
      if (search_count_ == searches_.size()) ETB_RETURN_IF_ERROR(add_merges());
    }
    return json.ok() ? add_merges() : json.status();
  }

  // The same text where the next string that is read leaves it in peace; until add_merges().
  std::string_view kept(const JsonReader& json, std::string_view text) {
    return json.is_in_text(text) ? text : held_.emplace_back(text);
  }

  // What was read since the last time.
  Status add_merges() {
    for (size_t i = 0; i < search_count_; ++i) index_.go_to_token(searches_[i]);
    for (size_t i = 0; i < search_count_; ++i) index_.go_to_text(searches_[i]);
    for (size_t i = 0; i < search_count_; i += 2) {
      const std::string_view left = searches_[i].spelling, right = searches_[i + 1].spelling;
      const MergeIds merge{index_.end(searches_[i]), index_.end(searches_[i + 1]),
                           find_merged(left, right)};
      if (merge.left == kNoToken || merge.right == kNoToken || merge.merged == kNoToken) {
        return corrupt(
            concat("model.merges: the vocabulary lacks a piece of '", left, " ", right, "'"));
      }
      if (vocab_.merge_ids.size() == kMaxMerges) return corrupt("model.merges is too long");
      vocab_.merge_ids.push_back(merge);
    }
    search_count_ = 0;
    held_.clear();
    return {};
  }

  // Merges mostly stand in the order of what they give.
  TokenId find_merged(std::string_view left, std::string_view right) {
    const TokenId last = vocab_.merge_ids.empty() ? 0 : vocab_.merge_ids.back().merged;
    for (const TokenId guess : {last + 1, last}) {
      if (guess < vocab_.tokens.size() && same_text(vocab_.tokens[guess], left, right))
        return guess;
    }
    joined_ = left;
    joined_ += right;
    return index_.find(joined_);
  }

  Result<JsonModel> finish() {
    JsonModel model;
    model.is_unigram = is_unigram_;
    const JsonValue& type = rest_["type"];  // files before 0.8 have none
    const std::string_view expected = is_unigram_ ? "Unigram" : "BPE";
    if (!type.is_null() && type.text != expected) return refused_component("model", type.shown());
    const std::string name = concat("model ", expected);
    ETB_ASSIGN_OR_RETURN(model.byte_fallback, read_flag(rest_, name, "byte_fallback", false));
    if (is_unigram_) {
      ETB_RETURN_IF_ERROR(check_keys(rest_, name, {"type", "unk_id", "byte_fallback"}));
      const JsonValue& unk = rest_["unk_id"];
      const bool fits = unk.kind == JsonValue::Kind::Number && unk.number >= 0 &&
                        unk.number < static_cast<double>(vocab_.tokens.size());
      if (!fits) return refused_component("model Unigram.unk_id", unk.shown());
      model.unk_id = static_cast<TokenId>(unk.number);
      return model;
    }
    ETB_RETURN_IF_ERROR(check_bpe(name));
    ETB_ASSIGN_OR_RETURN(model.fuse_unk, read_flag(rest_, name, "fuse_unk", false));
    ETB_ASSIGN_OR_RETURN(model.ignore_merges, read_flag(rest_, name, "ignore_merges", false));
    if (rest_["unk_token"].is_string()) model.unk_token = rest_["unk_token"].text;
    return model;
  }

  Status check_bpe(const std::string& name) const {
    ETB_RETURN_IF_ERROR(
        check_keys(rest_, name,
                   {"type", "dropout", "unk_token", "continuing_subword_prefix",
                    "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"}));
    const JsonValue& dropout = rest_["dropout"];
    if (!dropout.is_null() && !(dropout.kind == JsonValue::Kind::Number && dropout.number == 0)) {
      return refused_component("model BPE.dropout", dropout.shown());
    }
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const JsonValue& value = rest_[affix];
      if (value.is_null() || (value.is_string() && value.text.empty())) continue;
      return refused_component(concat("model BPE.", affix), value.shown());
    }
    const JsonValue& unk = rest_["unk_token"];
    if (unk.is_null() || unk.is_string()) return {};
    return refused_component("model BPE.unk_token", unk.shown());
  }

  JsonReader& json_;
  VocabData& vocab_;
  SpellingIndex index_;
  bool is_unigram_ = false;
  std::array<SpellingIndex::Search, 2 * kAhead> searches_;  // for a left piece, its right one, ...
  size_t search_count_ = 0;
  std::deque<std::string> held_;
  std::string joined_;
  JsonValue rest_;
};

}  // namespace

void SpellingIndex::fill() {
  slots_.assign(std::bit_ceil(tokens_.size() + tokens_.size() / 4 + 2), kEmpty);
  look_ahead(
      tokens_.size(), [this](size_t id) { return begin(tokens_[id]); },
      [this](size_t id, Search& search) {
        if (search.spelling.empty()) return;
        go_to_slot(search);
        uint32_t& slot = slots_[search.at];
        if (slot == kEmpty) slot = tag_of(search.hash) | static_cast<uint32_t>(id);
      });
}

SpellingIndex::Search SpellingIndex::begin(std::string_view spelling) const {
  const uint64_t hash = family::piece_hash(spelling);
  const size_t at = hash & (slots_.size() - 1);
  prefetch(&slots_[at]);
  return {spelling, hash, at};
}

void SpellingIndex::go_to_token(Search& search) const {
  const uint32_t tag = tag_of(search.hash);
  uint32_t slot = slots_[search.at];
  while (slot != kEmpty && (slot & ~kIdMask) != tag) {
    search.at = (search.at + 1) & (slots_.size() - 1);
    slot = slots_[search.at];
  }
  if (slot != kEmpty) prefetch(tokens_.place(slot & kIdMask));
}

void SpellingIndex::go_to_text(const Search& search) const {
  const uint32_t slot = slots_[search.at];
  if (slot != kEmpty) prefetch(tokens_.text_place(slot & kIdMask));
}

void SpellingIndex::go_to_slot(Search& search) const {
  for (;;) {
    go_to_token(search);
    const uint32_t slot = slots_[search.at];
    if (slot == kEmpty || same_text(tokens_[slot & kIdMask], search.spelling)) return;
    search.at = (search.at + 1) & (slots_.size() - 1);
  }
}

TokenId SpellingIndex::end(Search& search) const {
  go_to_slot(search);
  const uint32_t slot = slots_[search.at];
  return slot == kEmpty ? kNoToken : slot & kIdMask;
}

TokenId SpellingIndex::find(std::string_view spelling) const {
  Search search = begin(spelling);
  return end(search);
}

Result<JsonModel> read_json_model(JsonReader& json, VocabData& vocab) {
  return ModelReader(json, vocab).run();
}

}  // namespace etb::token
