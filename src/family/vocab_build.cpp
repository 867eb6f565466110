// serialize_vocab: from the model file's spelling to stored bytes with every table in it. Runs once
// at import, so it may take its time; what it spends here no start ever spends again.
#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

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
std::array<int16_t, 0x144> byte_alphabet() {
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

// The bytes that a byte-level spelling stands for; nullopt where a character is not of the alphabet
// (then the token is plain text that no merge can reach).
std::optional<std::string> from_byte_alphabet(std::string_view spelling) {
  static const std::array<int16_t, 0x144> kByteOf = byte_alphabet();
  std::string out;
  for (size_t i = 0; i < spelling.size(); ++i) {
    uint32_t code = static_cast<uint8_t>(spelling[i]);
    if (code >= 0x80) {
      if (code < 0xC2 || code > 0xC5 || i + 1 == spelling.size()) return std::nullopt;
      const uint32_t low = static_cast<uint8_t>(spelling[++i]);
      if ((low & 0xC0) != 0x80) return std::nullopt;
      code = (code & 0x1F) << 6 | (low & 0x3F);
    }
    if (code >= kByteOf.size() || kByteOf[code] < 0) return std::nullopt;
    out += static_cast<char>(kByteOf[code]);
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

std::string with_spaces(std::string_view spelling) {
  std::string out;
  for (size_t i = 0; i < spelling.size();) {
    if (spelling.substr(i).starts_with(kSpaceMark)) {
      out += ' ';
      i += kSpaceMark.size();
    } else {
      out += spelling[i++];
    }
  }
  return out;
}

class VocabBuilder {
 public:
  explicit VocabBuilder(const VocabData& data) : data_(data) {}

  Result<std::vector<uint8_t>> build() {
    ETB_RETURN_IF_ERROR(check());
    ETB_RETURN_IF_ERROR(read_tokens());
    ETB_RETURN_IF_ERROR(find_specials());
    fill_pieces();
    ETB_RETURN_IF_ERROR(read_merges());
    write();
    ETB_ASSIGN_OR_RETURN(const VocabView view, parse_vocab(out_));
    if (knows_direct()) mark_direct(view);
    return std::move(out_);
  }

 private:
  // One merge, resolved to ids.
  struct Pair {
    TokenId left, right;
    uint32_t rank;
    TokenId merged;
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

  Status read_tokens() {
    uint64_t total = 0;
    byte_tokens_.fill(kNoToken);
    for (const std::string& spelling : data_.tokens) {
      const auto id = static_cast<TokenId>(bytes_.size());
      const int number = static_cast<int>(type(id));
      if (number < 1 || number > 6) return invalid(concat("token ", id, " has type ", number));
      bytes_.push_back(token_bytes(id, spelling));
      total += bytes_.back().size();
    }
    if (total > kMaxTextBytes) return invalid("its tokens are too long");
    return {};
  }

  // Also notes whether text can become this token by merging (findable_) and the bytes' tokens.
  std::string token_bytes(TokenId id, const std::string& spelling) {
    const TokenType kind = type(id);
    const bool ordinary = kind == TokenType::Normal || kind == TokenType::UserDefined;
    findable_.push_back(ordinary);
    if (kind == TokenType::Byte) {
      if (const auto byte = fallback_byte(spelling)) {
        byte_tokens_[*byte] = id;
        return std::string(1, static_cast<char>(*byte));
      }
    }
    if (data_.kind == VocabKind::RankedBytes) return spelling;
    if (!is_byte_level()) {
      if (!data_.space_marks) return spelling;
      if (spelling.find(' ') != std::string::npos) findable_.back() = false;
      const bool verbatim = kind != TokenType::Normal && kind != TokenType::Unused;
      return verbatim ? spelling : with_spaces(spelling);
    }
    if (kind != TokenType::Normal && kind != TokenType::Unused) return spelling;
    if (auto bytes = from_byte_alphabet(spelling)) return std::move(*bytes);
    findable_.back() = false;
    return spelling;
  }

  Status find_specials() {
    std::vector<bool> unlisted(bytes_.size());
    for (const TokenId id : data_.unlisted) unlisted[id] = true;
    for (TokenId id = 0; id < bytes_.size(); ++id) {
      const TokenType kind = type(id);
      const bool whole = kind == TokenType::Control || kind == TokenType::Unknown ||
                         kind == TokenType::UserDefined;
      if (!whole || unlisted[id] || bytes_[id].empty()) continue;
      if (bytes_[id].size() > kMaxSpecialBytes) {
        return invalid(concat("special token ", id, " has more than ", kMaxSpecialBytes, " bytes"));
      }
      specials_.push_back(id);
    }
    std::stable_sort(specials_.begin(), specials_.end(),
                     [this](TokenId a, TokenId b) { return bytes_[a] < bytes_[b]; });
    return {};
  }

  // Normal tokens go in first: of two tokens with the same bytes text becomes the Normal one, and
  // of two of a kind the first.
  void fill_pieces() {
    piece_slots_.assign(std::bit_ceil(2 * bytes_.size() + 1), {kNoToken, 0});
    for (const TokenType kind : {TokenType::Normal, TokenType::UserDefined}) {
      for (TokenId id = 0; id < bytes_.size(); ++id) {
        if (type(id) == kind && findable_[id] && !bytes_[id].empty()) insert_piece(id);
      }
    }
    if (!is_byte_level()) return;
    for (int byte = 0; byte < 256; ++byte) {
      const char text = static_cast<char>(byte);
      const TokenId id = find(std::string_view(&text, 1));
      if (id != kNoToken) byte_tokens_[static_cast<size_t>(byte)] = id;
    }
  }

  // The slot that holds these bytes, or the empty one where they would go.
  std::array<uint32_t, 2>& piece_slot(std::string_view bytes, uint64_t hash) {
    size_t slot = static_cast<uint32_t>(hash) & (piece_slots_.size() - 1);
    while (piece_slots_[slot][0] != kNoToken && bytes_[piece_slots_[slot][0]] != bytes) {
      slot = (slot + 1) & (piece_slots_.size() - 1);
    }
    return piece_slots_[slot];
  }

  void insert_piece(TokenId id) {
    const uint64_t hash = piece_hash(bytes_[id]);
    auto& slot = piece_slot(bytes_[id], hash);
    if (slot[0] == kNoToken) slot = {id, static_cast<uint32_t>(hash >> 32)};
  }

  TokenId find(std::string_view bytes) { return piece_slot(bytes, piece_hash(bytes))[0]; }

  Status read_merges() {
    std::unordered_set<std::string_view> unreachable;  // a merge that ends here is left out
    for (TokenId id = 0; id < bytes_.size() && !data_.merges.empty(); ++id) {
      if (!findable_[id]) unreachable.insert(data_.tokens[id]);
    }
    for (size_t rank = 0; rank < data_.merges.size(); ++rank) {
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
      pairs_.push_back({left, right, static_cast<uint32_t>(rank), merged});
    }
    for (const MergeIds& merge : data_.merge_ids) {
      const auto rank = static_cast<uint32_t>(pairs_.size());
      pairs_.push_back({merge.left, merge.right, rank, merge.merged});
    }
    fill_merges();
    return {};
  }

  TokenId find_spelled(const std::string& spelling) {
    const auto bytes = from_byte_alphabet(spelling);
    return bytes ? find(*bytes) : kNoToken;
  }

  void fill_merges() {
    merge_slots_.assign(std::bit_ceil(pairs_.size() * 3 / 2 + 2), {kNoToken, 0, 0, 0});
    for (const Pair& pair : pairs_) {
      size_t slot = merge_hash(pair.left, pair.right) & (merge_slots_.size() - 1);
      while (merge_slots_[slot][0] != kNoToken &&
             (merge_slots_[slot][0] != pair.left || merge_slots_[slot][1] != pair.right)) {
        slot = (slot + 1) & (merge_slots_.size() - 1);
      }
      merge_slots_[slot] = {pair.left, pair.right, pair.rank, pair.merged};
    }
  }

  void append(const void* data, size_t bytes) {
    const auto* from = static_cast<const uint8_t*>(data);
    out_.insert(out_.end(), from, from + bytes);
  }
  template <class T>
  void append_all(const std::vector<T>& items) {
    append(items.data(), items.size() * sizeof(T));
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
    h.size = static_cast<uint32_t>(bytes_.size());
    h.special_count = static_cast<uint32_t>(specials_.size());
    h.piece_slots = static_cast<uint32_t>(piece_slots_.size());
    h.merge_slots = static_cast<uint32_t>(merge_slots_.size());
    h.pre_bytes = static_cast<uint32_t>(data_.pre.size());
    for (const std::string& bytes : bytes_) {
      h.text_bytes += static_cast<uint32_t>(bytes.size());
      h.max_token_bytes = std::max(h.max_token_bytes, static_cast<uint32_t>(bytes.size()));
    }
    const VocabIds& ids = data_.ids;
    const std::optional<TokenId> order[6] = {ids.bos, ids.eos, ids.eot, ids.eom, ids.unk, ids.pad};
    for (int i = 0; i < 6; ++i) h.ids[i] = order[i].value_or(kNoToken);
    if (!is_byte_level()) note_inner_spaces(h);
    return h;
  }

  void note_inner_spaces(VocabHeader& h) const {
    for (TokenId id = 0; id < bytes_.size(); ++id) {
      const std::string& bytes = bytes_[id];
      for (size_t i = 1; findable_[id] && i < bytes.size(); ++i) {
        const auto before = static_cast<uint8_t>(bytes[i - 1]);
        if (bytes[i] == ' ') h.before_space[before / 8] |= static_cast<uint8_t>(1u << before % 8);
      }
    }
  }

  void write() {
    const VocabHeader h = header();
    append(&h, sizeof h);
    uint32_t offset = 0;
    append(&offset, sizeof offset);
    for (const std::string& bytes : bytes_) {
      offset += static_cast<uint32_t>(bytes.size());
      append(&offset, sizeof offset);
    }
    append(byte_tokens_.data(), sizeof byte_tokens_);
    append_all(specials_);
    append_all(data_.scores);
    append_all(piece_slots_);
    append_all(merge_slots_);
    types_at_ = out_.size();
    for (TokenId id = 0; id < bytes_.size(); ++id) out_.push_back(static_cast<uint8_t>(type(id)));
    for (const TokenId id : data_.strip_left) out_[types_at_ + id] |= kStripLeftBit;
    for (const TokenId id : data_.strip_right) out_[types_at_ + id] |= kStripRightBit;
    append(data_.pre.data(), data_.pre.size());
    for (const std::string& bytes : bytes_) append(bytes.data(), bytes.size());
  }

  void mark_direct(const VocabView& view) {
    for (TokenId id = 0; id < view.size(); ++id) {
      const std::string_view bytes = view.bytes(id);
      if (!findable_[id] || bytes.empty() || bytes.size() > kMaxDirectBytes) continue;
      const bool direct = data_.kind == VocabKind::ByteLevelBpe ? merges_to(view, bytes, id)
                                                                : scores_to(view, bytes, id);
      if (direct) out_[types_at_ + id] |= kDirectBit;
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
  std::vector<std::string> bytes_;
  std::vector<bool> findable_;
  std::array<TokenId, 256> byte_tokens_{};
  std::vector<TokenId> specials_;
  std::vector<std::array<uint32_t, 2>> piece_slots_;
  std::vector<std::array<uint32_t, 4>> merge_slots_;
  std::vector<Pair> pairs_;
  std::vector<uint8_t> out_;
  size_t types_at_ = 0;
};

}  // namespace

Result<std::vector<uint8_t>> serialize_vocab(const VocabData& data) {
  return VocabBuilder(data).build();
}

}  // namespace etb::family
