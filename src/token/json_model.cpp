#include "token/json_model.h"

#include <bit>
#include <functional>

#include "base/text.h"
#include "token/json_components.h"

namespace etb::token {
namespace {

using family::MergeIds;
using family::VocabData;

constexpr size_t kMaxTokens = size_t{1} << 22;  // as the stored vocabulary has
constexpr size_t kMaxMerges = size_t{1} << 23;
constexpr size_t kMaxHoles = size_t{1} << 16;  // ids that no entry has

Status corrupt(std::string_view what) {
  return Status(StatusCode::Corrupt, concat("tokenizer.json: ", what));
}

uint64_t hash_of(std::string_view spelling) {
  return std::hash<std::string_view>()(spelling);
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
    if (merges) ETB_RETURN_IF_ERROR(read_merges(*merges));
    if (vocab_.tokens.empty()) return corrupt("model.vocab is missing or empty");
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
    vocab_.tokens.reserve(size_t{1} << 17);
    if (!json_.begin_object()) return json_.status();
    std::string spelling;
    for (std::string_view key; json_.next_key(key); ++count) {
      spelling = key;
      uint32_t id = 0;
      if (!json_.read_uint(id)) break;
      if (id >= kMaxTokens || id > json_.text_size() + kMaxHoles) {
        return corrupt(concat("model.vocab: the id ", id, " is too large"));
      }
      if (id >= vocab_.tokens.size()) {
        vocab_.tokens.resize(id + 1);
        taken.resize(id + 1);
      }
      if (taken[id]) return corrupt(concat("model.vocab: two entries have the id ", id));
      taken[id] = true;
      vocab_.tokens[id] = spelling;
    }
    if (!json_.ok()) return json_.status();
    if (vocab_.tokens.size() > count + kMaxHoles) return corrupt("model.vocab lacks most ids");
    fill_index();
    return {};
  }

  // [["spelling", score], ...]
  Status read_scored() {
    if (!json_.begin_array()) return json_.status();
    while (json_.next_item()) {
      std::string_view spelling;
      double score = 0;
      if (!json_.begin_array() || !json_.next_item() || !json_.read_string(spelling)) break;
      vocab_.tokens.emplace_back(spelling);
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

  void fill_index() {
    index_.reserve(vocab_.tokens.size());
    for (TokenId id = 0; id < vocab_.tokens.size(); ++id) {
      if (!vocab_.tokens[id].empty()) index_.insert(id);
    }
  }

  // ["a b", ...] or [["a", "b"], ...]
  Status read_merges(JsonReader& json) {
    if (is_unigram_) return refused_component("model Unigram", "with merges");
    if (!vocab_.merge_ids.empty()) return corrupt("model.merges is there twice");
    vocab_.merge_ids.reserve(size_t{1} << 17);
    if (!json.begin_array()) return json.status();
    std::string left, right;
    while (json.next_item()) {
      std::string_view text;
      if (json.at_array()) {
        if (!json.begin_array() || !json.next_item() || !json.read_string(text)) break;
        left = text;
        if (!json.next_item() || !json.read_string(text)) break;
        right = text;
        if (json.next_item()) return corrupt("model.merges: an entry is no pair");
      } else {
        if (!json.read_string(text)) break;
        if (vocab_.merge_ids.empty() && text.starts_with("#version")) continue;
        const size_t space = text.find(' ');
        if (space == std::string_view::npos ||
            text.find(' ', space + 1) != std::string_view::npos) {
          return corrupt(concat("model.merges: '", text, "' is no pair"));
        }
        left = text.substr(0, space);
        right = text.substr(space + 1);
      }
      ETB_RETURN_IF_ERROR(add_merge(left, right));
    }
    return json.status();
  }

  Status add_merge(const std::string& left, const std::string& right) {
    joined_ = left;
    joined_ += right;
    const MergeIds merge{index_.find(left), index_.find(right), find_merged()};
    if (merge.left == kNoToken || merge.right == kNoToken || merge.merged == kNoToken) {
      return corrupt(
          concat("model.merges: the vocabulary lacks a piece of '", left, " ", right, "'"));
    }
    if (vocab_.merge_ids.size() == kMaxMerges) return corrupt("model.merges is too long");
    vocab_.merge_ids.push_back(merge);
    return {};
  }

  // Merges mostly stand in the order of what they give.
  TokenId find_merged() {
    const TokenId last = vocab_.merge_ids.empty() ? 0 : vocab_.merge_ids.back().merged;
    for (TokenId guess = last; guess < vocab_.tokens.size() && guess <= last + 1; ++guess) {
      if (vocab_.tokens[guess] == joined_) return guess;
    }
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
  std::string joined_;
  JsonValue rest_;
};

}  // namespace

void SpellingIndex::reserve(size_t count) {
  slots_.assign(std::bit_ceil(2 * count + 2), {});
}

void SpellingIndex::insert(TokenId id) {
  const uint64_t hash = hash_of(tokens_[id]);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot].id != kNoToken) {
    if (slots_[slot].tag == tag && tokens_[slots_[slot].id] == tokens_[id]) return;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  slots_[slot] = {tag, id};
}

TokenId SpellingIndex::find(std::string_view spelling) const {
  if (slots_.empty()) return kNoToken;
  const uint64_t hash = hash_of(spelling);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot].id != kNoToken) {
    if (slots_[slot].tag == tag && tokens_[slots_[slot].id] == spelling) return slots_[slot].id;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return kNoToken;
}

Result<JsonModel> read_json_model(JsonReader& json, VocabData& vocab) {
  return ModelReader(json, vocab).run();
}

}  // namespace etb::token
