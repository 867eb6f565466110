#include "token/tokenizer_json.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "token/json_components.h"
#include "token/json_model.h"
#include "token/normalizer.h"

namespace etb::token {
namespace {

using family::TokenType;
using family::VocabData;
using family::VocabKind;

struct AddedToken {
  TokenId id = kNoToken;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = true, special = false;
};

Status corrupt(std::string_view what) {
  return Status(StatusCode::Corrupt, concat("tokenizer.json: ", what));
}

class FileReader {
 public:
  explicit FileReader(std::string_view text) : json_(text) {}

  Result<VocabData> run() {
    ETB_RETURN_IF_ERROR(read_members());
    ETB_ASSIGN_OR_RETURN(facts_, read_pre_tokenizer(parts_["pre_tokenizer"]));
    ETB_RETURN_IF_ERROR(read_normalizer(parts_["normalizer"], rules_.normalizers));
    ETB_ASSIGN_OR_RETURN(decoder_, read_decoder(parts_["decoder"]));
    rules_.splits = facts_.splits;
    rules_.ignore_merges = model_.ignore_merges;
    ETB_RETURN_IF_ERROR(choose_kind());
    ETB_RETURN_IF_ERROR(place_added_tokens());
    ETB_RETURN_IF_ERROR(find_unknown());
    ETB_RETURN_IF_ERROR(mark_bytes());
    if (vocab_.kind == VocabKind::PieceBpe) ETB_RETURN_IF_ERROR(check_merges());
    ETB_RETURN_IF_ERROR(read_processor());
    vocab_.pre = write_rules(rules_);
    vocab_.skip_direct = true;
    return std::move(vocab_);
  }

 private:
  Status read_members() {
    bool has_model = false;
    if (!json_.begin_object()) return json_.status().with_context("tokenizer.json");
    for (std::string_view key; json_.next_key(key);) {
      if (key == "model") {
        if (std::exchange(has_model, true)) return corrupt("model is there twice");
        auto model = read_json_model(json_, vocab_);
        if (!model.ok()) return json_.ok() ? model.status() : bad_json();
        model_ = std::move(model).value();
      } else if (key == "added_tokens") {
        ETB_RETURN_IF_ERROR(read_added_tokens());
      } else {
        json_.read_value(parts_.add_member(std::string(key)));
      }
    }
    if (!json_.finish()) return bad_json();
    if (!has_model) return corrupt("model is missing");
    ETB_RETURN_IF_ERROR(check_keys(parts_, "the member",
                                   {"version", "truncation", "padding", "normalizer",
                                    "pre_tokenizer", "post_processor", "decoder"}));
    const JsonValue& version = parts_["version"];
    if (version.is_null() || version.text == "1.0") return {};
    return refused_component("version", version.shown());
  }

  Status bad_json() const { return json_.status().with_context("tokenizer.json"); }

  Status read_added_tokens() {
    if (!json_.begin_array()) return bad_json();
    while (json_.next_item()) {
      AddedToken token;
      if (!json_.begin_object()) break;
      for (std::string_view key; json_.next_key(key);) {
        ETB_RETURN_IF_ERROR(read_added_member(std::string(key), token));
      }
      if (!json_.ok()) break;
      if (token.id == kNoToken || token.content.empty()) {
        return corrupt("added_tokens: an entry without id or content");
      }
      if (token.content.size() > kMaxRuleTokenBytes) {
        return refused_component("added_tokens", "with a token of more than 1024 bytes");
      }
      added_.push_back(std::move(token));
    }
    return json_.ok() ? Status() : bad_json();
  }

  Status read_added_member(const std::string& key, AddedToken& token) {
    if (key == "id") {
      return json_.read_uint(token.id) ? Status() : bad_json();
    }
    JsonValue object;
    JsonValue& value = object.add_member(key);
    if (!json_.read_value(value)) return bad_json();
    if (key == "content" && value.is_string()) {
      token.content = value.text;
      return {};
    }
    const std::pair<std::string_view, bool*> flags[] = {{"single_word", &token.single_word},
                                                        {"lstrip", &token.lstrip},
                                                        {"rstrip", &token.rstrip},
                                                        {"normalized", &token.normalized},
                                                        {"special", &token.special}};
    for (const auto& [name, flag] : flags) {
      if (key != name) continue;
      ETB_ASSIGN_OR_RETURN(*flag, read_flag(object, "added_tokens", key, *flag));
      return {};
    }
    return refused_component(concat("added_tokens.", key), value.shown());
  }

  // Which kind of model, and how it writes spaces.
  Status choose_kind() {
    if (facts_.byte_level && model_.is_unigram) {
      return refused_component("model Unigram", "with pre_tokenizer ByteLevel");
    }
    if (facts_.byte_level != decoder_.byte_level) {
      return refused_component("decoder", facts_.byte_level ? "other than ByteLevel behind it"
                                                            : "ByteLevel without a pre_tokenizer");
    }
    vocab_.kind = facts_.byte_level   ? VocabKind::ByteLevelBpe
                  : model_.is_unigram ? VocabKind::Unigram
                                      : VocabKind::PieceBpe;
    if (facts_.byte_level) return {};
    rules_.separate_unknown = !model_.is_unigram && !model_.fuse_unk;
    vocab_.space_marks = makes_marks();
    if (vocab_.space_marks != decoder_.space_marks) {
      return refused_component("decoder", "whose spaces are not those of the normalizer");
    }
    vocab_.add_space_prefix = decoder_.strips_space;
    if (vocab_.space_marks) marks_back_to_spaces();
    return {};
  }

  bool makes_marks() const {
    const auto is_mark = [](const auto& step, const std::string& from) {
      return from == " " && step.to == kSpaceMark;
    };
    return std::any_of(rules_.normalizers.begin(), rules_.normalizers.end(),
                       [&](const NormalizeStep& step) { return is_mark(step, step.from); }) ||
           std::any_of(rules_.splits.begin(), rules_.splits.end(),
                       [&](const SplitStep& step) { return is_mark(step, step.pattern); });
  }

  // Our pieces hold real spaces, so that the marks are taken back last of all. Where they are made
  // last of all and nothing can be cut at a space any more, no text needs to go there and back.
  void marks_back_to_spaces() {
    const std::string mark(kSpaceMark);
    auto& normalizers = rules_.normalizers;
    const bool made_last = !normalizers.empty() && normalizers.back().from == " " &&
                           normalizers.back().to == mark &&
                           normalizers.back().kind == NormalizeStep::Kind::Replace;
    const bool cuts_nothing =
        std::all_of(rules_.splits.begin(), rules_.splits.end(), [](const SplitStep& step) {
          return step.kind == SplitStep::Kind::Literal && step.pattern == " " && !step.invert;
        });
    if (made_last && cuts_nothing) {
      rules_.splits.clear();
      normalizers.back().from = mark;
      normalizers.back().to = " ";
      return;
    }
    rules_.splits.push_back(
        {SplitStep::Kind::Replace, SplitStep::Behavior::Isolated, false, false, mark, " "});
  }

  Status place_added_tokens() {
    size_t size = vocab_.tokens.size();
    for (const AddedToken& token : added_) size = std::max<size_t>(size, token.id + size_t{1});
    if (size > vocab_.tokens.size() + added_.size() + kMaxHoles) {
      return corrupt("added_tokens: an id is far beyond the vocabulary");
    }
    const size_t own = vocab_.tokens.size();
    vocab_.tokens.resize(size);
    if (vocab_.kind == VocabKind::Unigram) vocab_.scores.resize(size);
    vocab_.types.assign(size, TokenType::Normal);
    for (size_t id = 0; id < size; ++id) {
      if (vocab_.tokens[id].empty()) vocab_.types[id] = TokenType::Unused;
    }
    ETB_ASSIGN_OR_RETURN(const Normalizer normalizer, Normalizer::create(rules_.normalizers));
    for (const AddedToken& token : added_) {
      const std::string_view spelling = vocab_.tokens[token.id];
      if (!spelling.empty() && spelling != token.content) {
        return corrupt(concat("added_tokens: the id ", token.id, " of '", token.content,
                              "' belongs to '", spelling, "'"));
      }
      if (spelling.empty()) vocab_.tokens.set(token.id, token.content);
      if (token.id < own && !token.special && is_spelt_with_marks(token)) {
        vocab_.types[token.id] = TokenType::Normal;
      } else {
        vocab_.types[token.id] = token.special ? TokenType::Control : TokenType::UserDefined;
      }
      if (token.lstrip) vocab_.strip_left.push_back(token.id);
      if (token.rstrip) vocab_.strip_right.push_back(token.id);
      ETB_RETURN_IF_ERROR(add_rule(token, normalizer));
    }
    return {};
  }

  // Such a token is found in text by its marks, but stands for spaces as other pieces do.
  bool is_spelt_with_marks(const AddedToken& token) const {
    return vocab_.kind != VocabKind::ByteLevelBpe && vocab_.space_marks &&
           token.content.find(kSpaceMark) != std::string::npos;
  }

  Status add_rule(const AddedToken& token, const Normalizer& normalizer) {
    std::string storage;
    ETB_ASSIGN_OR_RETURN(const std::string_view normal,
                         normalizer.apply(token.content, true, storage));
    if (token.special && token.normalized && normal != token.content) {
      return refused_component(
          "added_tokens", concat("'", token.content, "', special and changed by the normalizer,"));
    }
    const bool late = token.normalized && !token.special;
    if (!late && !token.single_word && vocab_.types[token.id] != TokenType::Normal) return {};
    vocab_.unlisted.push_back(token.id);
    if (normal.empty()) return {};
    rules_.tokens.push_back({token.id, late ? std::string(normal) : token.content, token.special,
                             late, token.single_word});
    return {};
  }

  Status find_unknown() {
    if (model_.unk_id) vocab_.ids.unk = model_.unk_id;
    if (model_.unk_token) {
      const size_t found = vocab_.tokens.find(*model_.unk_token);
      if (found == vocab_.tokens.size() || model_.unk_token->empty()) {
        return corrupt(
            concat("model BPE.unk_token '", *model_.unk_token, "' is not in the vocabulary"));
      }
      vocab_.ids.unk = static_cast<TokenId>(found);
    }
    // Only a token that is found in text as a whole can be of the type Unknown.
    if (!vocab_.ids.unk) return {};
    TokenType& type = vocab_.types[*vocab_.ids.unk];
    if (type == TokenType::Control) type = TokenType::Unknown;
    if (type == TokenType::Normal && vocab_.kind != VocabKind::ByteLevelBpe) {
      type = TokenType::Unknown;
      vocab_.unlisted.push_back(*vocab_.ids.unk);
    }
    return {};
  }

  // Byte fallback, or for ByteLevel the promise that none is needed.
  Status mark_bytes() {
    if (vocab_.kind == VocabKind::ByteLevelBpe) {
      if (!model_.byte_fallback && !model_.unk_token) return {};
      return check_all_bytes();
    }
    if (!model_.byte_fallback) return {};
    if (!decoder_.byte_fallback) {
      return refused_component("decoder", "without ByteFallback behind model.byte_fallback");
    }
    for (TokenId id = 0; id < vocab_.tokens.size(); ++id) {
      const std::string_view text = vocab_.tokens[id];
      const bool byte = text.size() == 6 && text.starts_with("<0x") && text[5] == '>' &&
                        text.find_first_not_of("0123456789ABCDEF", 3) == 5;
      if (byte && vocab_.types[id] == TokenType::Normal) vocab_.types[id] = TokenType::Byte;
    }
    return {};
  }

  // Each byte has a token of one character below U+0144; there are 256 of them.
  Status check_all_bytes() const {
    size_t singles = 0;
    for (TokenId id = 0; id < vocab_.tokens.size(); ++id) {
      const std::string_view text = vocab_.tokens[id];
      const bool single = text.size() == 1 || (text.size() == 2 && (text[0] & 0xE0) == 0xC0);
      singles += single && vocab_.types[id] == TokenType::Normal ? 1 : 0;
    }
    if (singles >= 256) return {};
    return refused_component("model BPE",
                             "with ByteLevel, unk_token or byte_fallback, and bytes "
                             "that the vocabulary lacks,");
  }

  // What stands for unknown characters never merges here.
  Status check_merges() const {
    const auto ordinary = [this](TokenId id) {
      return vocab_.types[id] == TokenType::Normal || vocab_.types[id] == TokenType::UserDefined;
    };
    for (const family::MergeIds& merge : vocab_.merge_ids) {
      if (ordinary(merge.left) && ordinary(merge.right)) continue;
      return refused_component("model BPE.merges", "of special or byte tokens");
    }
    return {};
  }

  Status read_processor() {
    ETB_ASSIGN_OR_RETURN(const PostProcessorFacts facts,
                         read_post_processor(parts_["post_processor"]));
    for (const auto& id : {facts.before, facts.after}) {
      if (id && *id >= vocab_.tokens.size()) return corrupt("post_processor: an id is too large");
    }
    vocab_.ids.bos = facts.before;
    vocab_.ids.eos = facts.after;
    vocab_.add_bos = facts.before.has_value();
    vocab_.add_eos = facts.after.has_value();
    return {};
  }

  static constexpr size_t kMaxHoles = size_t{1} << 16;

  JsonReader json_;
  JsonValue parts_;  // the small members
  std::vector<AddedToken> added_;
  VocabData vocab_;
  JsonModel model_;
  TextRules rules_;
  PreTokenizerFacts facts_;
  DecoderFacts decoder_;
};

}  // namespace

Result<VocabData> read_tokenizer_json(std::string_view text) {
  return FileReader(text).run();
}

}  // namespace etb::token
