// serialize_vocab: from the model file's spelling to stored bytes with every table in it. An import
// does it once a model; whoever uses a published tokenizer waits for it at every start.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/ahead.h"
#include "base/short_text.h"
#include "base/text.h"
#include "family/vocab.h"
#include "family/vocab_format.h"

namespace etb::family {

namespace {

// A longer token is merged anew whenever it occurs, so that a hostile one cannot stall the import.
constexpr size_t kMaxDirectBytes = 256;
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, how SentencePiece spells a space

Status invalid(std::string message) {
  return Status(StatusCode::InvalidArgument, "vocabulary: " + std::move(message));
}

// GPT-2's alphabet: the 188 printable bytes of Latin-1 stand for themselves, the other 68 for
// U+0100 onwards in order. Index: code point below 0x144; value: byte, or -1.
constexpr std::array<int16_t, 0x144> byte_alphabet() {
  std::array<int16_t, 0x144> byte_of{};
  byte_of.fill(-1);
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    byte_of[static_cast<size_t>(printable ? byte : next++)] = static_cast<int16_t>(byte);
  }
  return byte_of;
}
constexpr std::array<int16_t, 0x144> kByteOf = byte_alphabet();

// Writes the bytes that a byte-level spelling stands for, at most as many as it has. Their end;
// null where a character is not of the alphabet (then the token is plain text that no merge can
// reach).
char* write_from_alphabet(std::string_view spelling, char* out) {
  for (size_t i = 0; i < spelling.size(); ++i) {
    uint32_t code = static_cast<uint8_t>(spelling[i]);
    if (code >= 0x80) {
      if (code < 0xC2 || code > 0xC5 || i + 1 == spelling.size()) return nullptr;
      const uint32_t low = static_cast<uint8_t>(spelling[++i]);
      if ((low & 0xC0) != 0x80) return nullptr;
      code = (code & 0x1F) << 6 | (low & 0x3F);
    }
    if (code >= kByteOf.size() || kByteOf[code] < 0) return nullptr;
    *out++ = static_cast<char>(kByteOf[code]);
  }
  return out;
}

std::optional<uint8_t> fallback_byte(std::string_view spelling) {  // "<0x0A>"
  const auto hex = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return {};
  const int high = hex(spelling[3]), low = hex(spelling[4]);
  if (high < 0 || low < 0) return {};
  return static_cast<uint8_t>(high * 16 + low);
}

char* write(std::string_view text, char* out) {
  return std::copy(text.begin(), text.end(), out);
}

char* write_with_spaces(std::string_view spelling, char* out) {
  for (;;) {
    const size_t mark = spelling.find(kSpaceMark);
    out = write(spelling.substr(0, mark), out);
    if (mark == std::string_view::npos) return out;
    *out++ = ' ';
    spelling.remove_prefix(mark + kSpaceMark.size());
  }
}

void store_u32(uint8_t* at, uint32_t value) {
  std::memcpy(at, &value, sizeof value);
}

class VocabBuilder {
 public:
  explicit VocabBuilder(const VocabData& data) : data_(data) {}

  Result<std::vector<uint8_t>> build() {
    ETB_RETURN_IF_ERROR(check());
    ETB_RETURN_IF_ERROR(read_tokens());
    ETB_RETURN_IF_ERROR(find_specials());
    place_sections();
    fill_pieces();
    ETB_RETURN_IF_ERROR(fill_merges());
    write_rest();
    if (knows_direct()) {
      ETB_ASSIGN_OR_RETURN(const VocabView view, parse_vocab(out_));
      mark_direct(view);
    }
    return std::move(out_);
  }

 private:
  // Where the parts that are filled here begin in out_.
  struct Sections {
    size_t offsets, byte_tokens, specials, scores, pieces, merges, types, pre, text, end;
  };

  Status check() const {
    const size_t n = data_.tokens.size();
    if (n == 0 || n > kMaxVocab) return invalid(concat(n, " tokens; 1 to ", kMaxVocab, " can be"));
    if (!data_.types.empty() && data_.types.size() != n) {
      return invalid(concat(data_.types.size(), " types for ", n, " tokens"));
    }
    const bool scored = data_.kind == VocabKind::SentencePiece || data_.kind == VocabKind::Unigram;
    if ((scored || !data_.scores.empty()) && data_.scores.size() != n) {
      return invalid(concat(data_.scores.size(), " scores for ", n, " tokens"));
    }
    ETB_RETURN_IF_ERROR(check_merges());
    if (data_.pre.size() > kMaxPreBytes) return invalid("the pre-tokenizer's name is too long");
    const VocabIds& ids = data_.ids;
    for (const auto& id : {ids.bos, ids.eos, ids.eot, ids.eom, ids.unk, ids.pad}) {
      if (id && *id >= n) return invalid(concat("special id ", *id, " of ", n, " tokens"));
    }
    for (const auto* flagged : {&data_.strip_left, &data_.strip_right, &data_.unlisted}) {
      for (const TokenId id : *flagged) {
        if (id >= n) return invalid(concat("a flag of token ", id, " of ", n, " tokens"));
      }
    }
    return {};
  }

  Status check_merges() const {
    const bool byte_level = data_.kind == VocabKind::ByteLevelBpe;
    if (!byte_level && !data_.merges.empty()) {
      return invalid("merges by text in a model that is not byte-level BPE");
    }
    if (!byte_level && data_.kind != VocabKind::PieceBpe && !data_.merge_ids.empty()) {
      return invalid("merges in a model that has none");
    }
    if (!data_.merges.empty() && !data_.merge_ids.empty()) {
      return invalid("merges both by text and by ids");
    }
    const size_t n = data_.tokens.size();
    if (std::max(data_.merges.size(), data_.merge_ids.size()) > kMaxSlots / 2) {
      return invalid("too many merges");
    }
    for (const MergeIds& merge : data_.merge_ids) {
      if (std::max({merge.left, merge.right, merge.merged}) >= n) {
        return invalid(concat("a merge of tokens ", merge.left, " and ", merge.right, " to ",
                              merge.merged, " of ", n));
      }
    }
    return {};
  }

  bool is_byte_level() const {
    return data_.kind == VocabKind::ByteLevelBpe || data_.kind == VocabKind::RankedBytes;
  }

  TokenType type(TokenId id) const {
    return data_.types.empty() ? TokenType::Normal : data_.types[id];
  }

  uint32_t size() const { return static_cast<uint32_t>(data_.tokens.size()); }
  // What the token stands for in text.
  std::string_view bytes(TokenId id) const {
    return std::string_view(text_).substr(offsets_[id], offsets_[id + 1] - offsets_[id]);
  }

  Status read_tokens() {
    byte_tokens_.fill(kNoToken);
    findable_.resize(size());
    offsets_.reserve(size() + size_t{1});
    offsets_.push_back(0);
    text_.resize(data_.tokens.bytes());
    char* out = text_.data();
    for (TokenId id = 0; id < size(); ++id) {
      const int number = static_cast<int>(type(id));
      if (number < 1 || number > 6) return invalid(concat("token ", id, " has type ", number));
      out = write_token(id, out);
      const auto used = static_cast<size_t>(out - text_.data());
      if (used > kMaxTextBytes) return invalid("its tokens are too long");
      offsets_.push_back(static_cast<uint32_t>(used));
    }
    text_.resize(offsets_.back());
    return {};
  }

  // At most as many bytes as the token is spelt with. Also notes whether text can become this token
  // by merging (findable_) and the bytes' tokens.
  char* write_token(TokenId id, char* out) {
    const std::string_view spelling = data_.tokens[id];
    const TokenType kind = type(id);
    findable_[id] = kind == TokenType::Normal || kind == TokenType::UserDefined;
    if (kind == TokenType::Byte) {
      if (const auto byte = fallback_byte(spelling)) {
        byte_tokens_[*byte] = id;
        *out = static_cast<char>(*byte);
        return out + 1;
      }
    }
    const bool verbatim = kind != TokenType::Normal && kind != TokenType::Unused;
    if (data_.kind == VocabKind::RankedBytes) return write(spelling, out);
    if (!is_byte_level()) {
      if (!data_.space_marks) return write(spelling, out);
      if (spelling.find(' ') != std::string_view::npos) findable_[id] = false;
      return verbatim ? write(spelling, out) : write_with_spaces(spelling, out);
    }
    if (verbatim) return write(spelling, out);
    if (char* const end = write_from_alphabet(spelling, out)) return end;
    findable_[id] = false;
    return write(spelling, out);
  }

  Status find_specials() {
    std::vector<bool> unlisted(size());
    for (const TokenId id : data_.unlisted) unlisted[id] = true;
    for (TokenId id = 0; id < size(); ++id) {
      const TokenType kind = type(id);
      const bool whole = kind == TokenType::Control || kind == TokenType::Unknown ||
                         kind == TokenType::UserDefined;
      if (!whole || unlisted[id] || bytes(id).empty()) continue;
      if (bytes(id).size() > kMaxSpecialBytes) {
        return invalid(concat("special token ", id, " has more than ", kMaxSpecialBytes, " bytes"));
      }
      specials_.push_back(id);
    }
    std::stable_sort(specials_.begin(), specials_.end(),
                     [this](TokenId a, TokenId b) { return bytes(a) < bytes(b); });
    return {};
  }

  void place_sections() {
    piece_slots_ = std::bit_ceil(2 * data_.tokens.size() + 1);
    const size_t merges = data_.merges.size() + data_.merge_ids.size();  // one of them is empty
    merge_slots_ = std::bit_ceil(merges * 3 / 2 + 2);
    size_t at = sizeof(VocabHeader);
    const auto place = [&at](size_t bytes) { return std::exchange(at, at + bytes); };
    sections_.offsets = place(offsets_.size() * sizeof(uint32_t));
    sections_.byte_tokens = place(sizeof byte_tokens_);
    sections_.specials = place(specials_.size() * sizeof(TokenId));
    sections_.scores = place(data_.scores.size() * sizeof(float));
    sections_.pieces = place(piece_slots_ * kPieceSlotBytes);
    sections_.merges = place(merge_slots_ * kMergeSlotBytes);
    sections_.types = place(size());
    sections_.pre = place(data_.pre.size());
    sections_.text = place(text_.size());
    sections_.end = at;
    static_assert(kNoToken == 0xFFFF'FFFF, "so are empty slots");
    out_.assign(sections_.end, 0xFF);
  }

  // Normal tokens go in first: of two tokens with the same bytes text becomes the Normal one, and
  // of two of a kind the first.
  void fill_pieces() {
    for (const TokenType kind : {TokenType::Normal, TokenType::UserDefined}) {
      const auto goes_in = [this, kind](size_t id) {
        return type(static_cast<TokenId>(id)) == kind && findable_[id] != 0 &&
               offsets_[id] < offsets_[id + 1];
      };
      const auto seek = [&](size_t id) -> uint64_t {
        if (!goes_in(id)) return 0;
        const uint64_t hash = piece_hash(bytes(static_cast<TokenId>(id)));
        prefetch(piece_slot(hash));
        return hash;
      };
      look_ahead(size(), seek, [&](size_t id, uint64_t hash) {
        if (goes_in(id)) insert_piece(static_cast<TokenId>(id), hash);
      });
    }
    if (!is_byte_level()) return;
    for (int byte = 0; byte < 256; ++byte) {
      const char text = static_cast<char>(byte);
      const TokenId id = find(std::string_view(&text, 1));
      if (id != kNoToken) byte_tokens_[static_cast<size_t>(byte)] = id;
    }
  }

  // The place where a search begins.
  uint8_t* piece_slot(uint64_t hash) {
    return pieces() + kPieceSlotBytes * (static_cast<uint32_t>(hash) & (piece_slots_ - 1));
  }
  uint8_t* pieces() { return out_.data() + sections_.pieces; }
  uint8_t* merges() { return out_.data() + sections_.merges; }

  // The slot that holds these bytes, or the empty one where they would go.
  uint8_t* find_slot(std::string_view text, uint64_t hash) {
    uint8_t* slot = piece_slot(hash);
    for (TokenId id = load_u32(slot); id != kNoToken; id = load_u32(slot)) {
      if (load_u32(slot + 4) == static_cast<uint32_t>(hash >> 32) && same_text(bytes(id), text)) {
        break;
      }
      slot += kPieceSlotBytes;
      if (slot == merges()) slot = pieces();
    }
    return slot;
  }

  void insert_piece(TokenId id, uint64_t hash) {
    uint8_t* const slot = find_slot(bytes(id), hash);
    if (load_u32(slot) != kNoToken) return;
    store_u32(slot, id);
    store_u32(slot + 4, static_cast<uint32_t>(hash >> 32));
  }

  TokenId find(std::string_view text) { return load_u32(find_slot(text, piece_hash(text))); }

  Status fill_merges() {
    if (!data_.merges.empty()) return read_merges();
    const auto& list = data_.merge_ids;
    const auto seek = [&](size_t i) {
      const uint32_t hash = merge_hash(list[i].left, list[i].right);
      prefetch(merges() + kMergeSlotBytes * (hash & (merge_slots_ - 1)));
      return hash;
    };
    look_ahead(list.size(), seek, [&](size_t rank, uint64_t hash) {
      put_merge(list[rank], static_cast<uint32_t>(rank), static_cast<uint32_t>(hash));
    });
    return {};
  }

  // Of merges of one pair the last stays.
  void put_merge(const MergeIds& merge, uint32_t rank, uint32_t hash) {
    size_t at = hash & (merge_slots_ - 1);
    const auto taken = [&](const uint8_t* slot) {
      return load_u32(slot) != kNoToken &&
             (load_u32(slot) != merge.left || load_u32(slot + 4) != merge.right);
    };
    while (taken(merges() + kMergeSlotBytes * at)) at = (at + 1) & (merge_slots_ - 1);
    const uint32_t fields[4] = {merge.left, merge.right, rank, merge.merged};
    std::memcpy(merges() + kMergeSlotBytes * at, fields, sizeof fields);
  }

  // Those by text.
  Status read_merges() {
    std::unordered_set<std::string_view> unreachable;  // a merge that ends here is left out
    for (TokenId id = 0; id < size(); ++id) {
      if (findable_[id] == 0) unreachable.insert(data_.tokens[id]);
    }
    for (uint32_t rank = 0; rank < data_.merges.size(); ++rank) {
      const std::string& merge = data_.merges[rank];
      const size_t space = merge.find(' ');
      if (space == std::string::npos) {
        return invalid(concat("merge ", rank, " '", merge, "' has no space in it"));
      }
      const std::string joined = merge.substr(0, space) + merge.substr(space + 1);
      const TokenId merged = find_spelled(joined);
      if (merged == kNoToken && unreachable.contains(joined)) continue;
      const TokenId left = find_spelled(merge.substr(0, space));
      const TokenId right = find_spelled(merge.substr(space + 1));
      if (left == kNoToken || right == kNoToken || merged == kNoToken) {
        return invalid(
            concat("merge ", rank, " '", merge, "': the vocabulary lacks a piece of it"));
      }
      put_merge({left, right, merged}, rank, merge_hash(left, right));
    }
    return {};
  }

  TokenId find_spelled(std::string spelling) {
    const char* const end = write_from_alphabet(spelling, spelling.data());
    if (end == nullptr) return kNoToken;
    return find(std::string_view(spelling.data(), static_cast<size_t>(end - spelling.data())));
  }

  bool knows_direct() const {
    return !data_.skip_direct &&
           (data_.kind == VocabKind::ByteLevelBpe || data_.kind == VocabKind::SentencePiece);
  }

  VocabHeader header() const {
    VocabHeader h{};
    std::copy(std::begin(kVocabMagic), std::end(kVocabMagic), h.magic);
    h.version = kVocabVersion;
    h.kind = static_cast<uint32_t>(data_.kind);
    h.flags = (data_.add_bos ? kAddBos : 0u) | (data_.add_eos ? kAddEos : 0u) |
              (data_.add_space_prefix ? kAddSpacePrefix : 0u) |
              (data_.scores.empty() ? 0u : kHasScores) | (knows_direct() ? 0u : kDirectLeftOut);
    h.size = size();
    h.special_count = static_cast<uint32_t>(specials_.size());
    h.piece_slots = static_cast<uint32_t>(piece_slots_);
    h.merge_slots = static_cast<uint32_t>(merge_slots_);
    h.pre_bytes = static_cast<uint32_t>(data_.pre.size());
    h.text_bytes = static_cast<uint32_t>(text_.size());
    for (TokenId id = 0; id < size(); ++id) {
      h.max_token_bytes = std::max(h.max_token_bytes, offsets_[id + 1] - offsets_[id]);
    }
    const VocabIds& ids = data_.ids;
    const std::optional<TokenId> order[6] = {ids.bos, ids.eos, ids.eot, ids.eom, ids.unk, ids.pad};
    for (int i = 0; i < 6; ++i) h.ids[i] = order[i].value_or(kNoToken);
    if (!is_byte_level()) note_inner_spaces(h);
    return h;
  }

  void note_inner_spaces(VocabHeader& h) const {
    for (TokenId id = 0; id < size(); ++id) {
      if (findable_[id] == 0) continue;
      const std::string_view text = bytes(id);
      for (size_t at = text.find(' ', 1); at != std::string_view::npos;
           at = text.find(' ', at + 1)) {
        const auto before = static_cast<uint8_t>(text[at - 1]);
        h.before_space[before / 8] |= static_cast<uint8_t>(1u << before % 8);
      }
    }
  }

  void put(size_t section, const void* data, size_t bytes) {
    if (bytes > 0) std::memcpy(out_.data() + section, data, bytes);
  }

  // All but the two tables.
  void write_rest() {
    const VocabHeader h = header();
    put(0, &h, sizeof h);
    put(sections_.offsets, offsets_.data(), offsets_.size() * sizeof(uint32_t));
    put(sections_.byte_tokens, byte_tokens_.data(), sizeof byte_tokens_);
    put(sections_.specials, specials_.data(), specials_.size() * sizeof(TokenId));
    put(sections_.scores, data_.scores.data(), data_.scores.size() * sizeof(float));
    uint8_t* const types = out_.data() + sections_.types;
    for (TokenId id = 0; id < size(); ++id) types[id] = static_cast<uint8_t>(type(id));
    for (const TokenId id : data_.strip_left) types[id] |= kStripLeftBit;
    for (const TokenId id : data_.strip_right) types[id] |= kStripRightBit;
    put(sections_.pre, data_.pre.data(), data_.pre.size());
    put(sections_.text, text_.data(), text_.size());
  }

  void mark_direct(const VocabView& view) {
    for (TokenId id = 0; id < view.size(); ++id) {
      const std::string_view bytes = view.bytes(id);
      if (findable_[id] == 0 || bytes.empty() || bytes.size() > kMaxDirectBytes) continue;
      const bool direct = data_.kind == VocabKind::ByteLevelBpe ? merges_to(view, bytes, id)
                                                                : scores_to(view, bytes, id);
      if (direct) out_[sections_.types + id] |= kDirectBit;
    }
  }

  // Plain byte-pair merging of one token's bytes: the lowest rank first, the leftmost of equals.
  static bool merges_to(const VocabView& view, std::string_view bytes, TokenId wanted) {
    std::vector<TokenId> ids;
    for (const char c : bytes) ids.push_back(view.byte_token(static_cast<uint8_t>(c)));
    if (std::find(ids.begin(), ids.end(), kNoToken) != ids.end()) return false;
    while (ids.size() > 1) {
      VocabView::Merge best;
      size_t at = 0;
      for (size_t i = 0; i + 1 < ids.size(); ++i) {
        const VocabView::Merge merge = view.find_merge(ids[i], ids[i + 1]);
        if (merge.merged == kNoToken) continue;
        if (best.merged == kNoToken || merge.rank < best.rank) best = merge, at = i;
      }
      if (best.merged == kNoToken) return false;
      ids[at] = best.merged;
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    return ids.size() == 1 && ids[0] == wanted;
  }

  // The same for SentencePiece: characters, the best score first, the leftmost of equals. (A score
  // that is no number never merges, as in token/sentencepiece.)
  static bool scores_to(const VocabView& view, std::string_view bytes, TokenId wanted) {
    std::vector<size_t> borders;  // where the symbols begin; then the end
    for (size_t i = 0; i < bytes.size(); ++i) {
      if ((static_cast<uint8_t>(bytes[i]) & 0xC0) != 0x80) borders.push_back(i);
    }
    borders.push_back(bytes.size());
    while (borders.size() > 2) {
      size_t best = 0;  // the border that falls
      float best_score = 0;
      for (size_t i = 1; i + 1 < borders.size(); ++i) {
        const size_t length = borders[i + 1] - borders[i - 1];
        const TokenId id = view.find(bytes.substr(borders[i - 1], length));
        if (id == kNoToken || view.score(id) != view.score(id)) continue;
        if (best == 0 || view.score(id) > best_score) best = i, best_score = view.score(id);
      }
      if (best == 0) return false;
      borders.erase(borders.begin() + static_cast<std::ptrdiff_t>(best));
    }
    return view.find(bytes) == wanted;
  }

  const VocabData& data_;
  std::string text_;  // all tokens' bytes
  std::vector<uint32_t> offsets_;
  std::vector<uint8_t> findable_;  // flags
  std::array<TokenId, 256> byte_tokens_{};
  std::vector<TokenId> specials_;
  size_t piece_slots_ = 0, merge_slots_ = 0;
  Sections sections_{};
  std::vector<uint8_t> out_;
};

}  // namespace

Result<std::vector<uint8_t>> serialize_vocab(const VocabData& data) {
  return VocabBuilder(data).build();
}

}  // namespace etb::family
