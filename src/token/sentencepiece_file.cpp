#include "token/sentencepiece_file.h"

#include <bit>
#include <cstring>

#include "base/text.h"
#include "token/normalizer.h"
#include "token/proto_reader.h"
#include "token/text_rules.h"

namespace etb::token {
namespace {

using family::TokenType;
using family::VocabData;
using family::VocabKind;

constexpr size_t kMaxPieces = size_t{1} << 22;
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

Status corrupt(std::string_view what) {
  return Status(StatusCode::Corrupt, concat("SentencePiece model: ", what));
}

Status refused(std::string_view what) {
  return Status(StatusCode::Unsupported,
                concat("SentencePiece model: ", what, " is not supported"));
}

// sentencepiece_model.proto's names and defaults.
struct TrainerSpec {
  uint64_t model_type = 1;  // 1 unigram, 2 bpe, 3 word, 4 char
  bool whitespace_as_suffix = false;
  std::string_view unk = "<unk>", bos = "<s>", eos = "</s>", pad = "<pad>";
};
struct NormalizerSpec {
  std::string_view charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

class ModelReader {
 public:
  explicit ModelReader(std::string_view bytes) : bytes_(bytes) {}

  Result<VocabData> run() {
    ProtoReader message(bytes_);
    for (ProtoField field; message.next(field);) {
      const bool nested = field.is_bytes;
      if (field.number == 1 && nested) ETB_RETURN_IF_ERROR(read_piece(field.bytes));
      if (field.number == 2 && nested) ETB_RETURN_IF_ERROR(read_trainer(field.bytes));
      if (field.number == 3 && nested) ETB_RETURN_IF_ERROR(read_normalizer(field.bytes));
      if (field.number == 5 && nested) ETB_RETURN_IF_ERROR(check_denormalizer(field.bytes));
    }
    if (!message.ok()) return corrupt("its protobuf is broken");
    if (vocab_.tokens.empty()) return corrupt("it has no pieces");
    ETB_RETURN_IF_ERROR(choose_kind());
    find_ids();
    ETB_RETURN_IF_ERROR(write_normalizer());
    return std::move(vocab_);
  }

 private:
  Status read_piece(std::string_view bytes) {
    if (vocab_.tokens.size() == kMaxPieces) return corrupt("it has too many pieces");
    std::string text;
    float score = 0;
    uint64_t type = 1;
    ProtoReader message(bytes);
    for (ProtoField field; message.next(field);) {
      if (field.number == 1 && field.is_bytes) text = field.bytes;
      if (field.number == 2) score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
      if (field.number == 3) type = field.value;
    }
    if (!message.ok()) return corrupt(concat("piece ", vocab_.tokens.size(), " is broken"));
    if (type < 1 || type > 6) {  // the numbers are those of TokenType
      return corrupt(concat("piece ", vocab_.tokens.size(), " has the type ", type));
    }
    // What users define is found in text as it is written there, with real spaces.
    if (type == 4) text = replace_all(text, kSpaceMark, " ");
    vocab_.tokens.push_back(text);
    vocab_.scores.push_back(score);
    vocab_.types.push_back(TokenType(type));
    return {};
  }

  Status read_trainer(std::string_view bytes) {
    ProtoReader message(bytes);
    for (ProtoField field; message.next(field);) {
      switch (field.number) {
        case 3:
          trainer_.model_type = field.value;
          break;
        case 24:
          trainer_.whitespace_as_suffix = field.value != 0;
          break;
        case 45:
          trainer_.unk = field.bytes;
          break;
        case 46:
          trainer_.bos = field.bytes;
          break;
        case 47:
          trainer_.eos = field.bytes;
          break;
        case 48:
          trainer_.pad = field.bytes;
          break;
        default:
          break;  // how the model was trained
      }
    }
    return message.ok() ? Status() : corrupt("its trainer_spec is broken");
  }

  Status read_normalizer(std::string_view bytes) {
    ProtoReader message(bytes);
    for (ProtoField field; message.next(field);) {
      switch (field.number) {
        case 2:
          normalizer_.charsmap = field.bytes;
          break;
        case 3:
          normalizer_.add_dummy_prefix = field.value != 0;
          break;
        case 4:
          normalizer_.remove_extra_whitespaces = field.value != 0;
          break;
        case 5:
          normalizer_.escape_whitespaces = field.value != 0;
          break;
        default:
          break;  // its name, and the rules that the map was made of
      }
    }
    return message.ok() ? Status() : corrupt("its normalizer_spec is broken");
  }

  Status check_denormalizer(std::string_view bytes) {
    ProtoReader message(bytes);
    for (ProtoField field; message.next(field);) {
      if (field.number == 2 && !field.bytes.empty()) {
        return refused("denormalizer_spec.precompiled_charsmap");
      }
    }
    return message.ok() ? Status() : corrupt("its denormalizer_spec is broken");
  }

  Status choose_kind() {
    if (trainer_.model_type != 1 && trainer_.model_type != 2) {
      return refused(concat("model_type ", trainer_.model_type, " (known: 1 unigram, 2 BPE)"));
    }
    if (trainer_.whitespace_as_suffix) return refused("treat_whitespace_as_suffix");
    if (!normalizer_.escape_whitespaces) return refused("escape_whitespaces = false");
    vocab_.kind = trainer_.model_type == 1 ? VocabKind::Unigram : VocabKind::SentencePiece;
    vocab_.add_space_prefix = normalizer_.add_dummy_prefix;
    vocab_.skip_direct = true;
    return {};
  }

  void find_ids() {
    for (TokenId id = 0; id < vocab_.tokens.size(); ++id) {
      const std::string_view text = vocab_.tokens[id];
      family::VocabIds& ids = vocab_.ids;
      if (vocab_.types[id] == TokenType::Unknown && !ids.unk) ids.unk = id;
      if (vocab_.types[id] != TokenType::Control) continue;
      if (text == trainer_.bos && !ids.bos) ids.bos = id;
      if (text == trainer_.eos && !ids.eos) ids.eos = id;
      if (text == trainer_.pad && !ids.pad) ids.pad = id;
    }
    vocab_.add_bos = vocab_.kind == VocabKind::SentencePiece && vocab_.ids.bos.has_value();
  }

  Status write_normalizer() {
    using Kind = NormalizeStep::Kind;
    TextRules rules;
    const auto add = [&](Kind kind, std::string_view from, std::string_view to) {
      rules.normalizers.push_back({kind, std::string(from), std::string(to), false, false});
    };
    if (!normalizer_.charsmap.empty()) add(Kind::CharsMap, normalizer_.charsmap, "");
    if (normalizer_.remove_extra_whitespaces) add(Kind::CollapseSpaces, "", "");
    if (vocab_.kind == VocabKind::Unigram) {
      rules.single_sums = true;
      if (normalizer_.add_dummy_prefix) add(Kind::Prepend, "", " ");
      add(Kind::Replace, kSpaceMark, " ");
    }
    if (rules.normalizers.empty()) return {};
    const auto made = Normalizer::create(rules.normalizers);
    if (!made.ok()) return made.status().with_context("SentencePiece model");
    vocab_.pre = write_rules(rules);
    return {};
  }

  std::string_view bytes_;
  VocabData vocab_;
  TrainerSpec trainer_;
  NormalizerSpec normalizer_;
};

}  // namespace

Result<VocabData> read_sentencepiece(std::string_view bytes) {
  return ModelReader(bytes).run();
}

}  // namespace etb::token
