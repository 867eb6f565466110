// parse_vocab and the look-ups of VocabView. The stored bytes are hostile: everything that a
// look-up relies on is checked here once, and every probe is bounded by the number of slots.
#include "family/vocab.h"

#include <algorithm>
#include <cstddef>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/text.h"
#include "family/vocab_format.h"

namespace etb::family {

namespace {

Status corrupt(std::string_view what) {
  return Status(StatusCode::Corrupt,
                concat("stored tokenizer: ", what, "; import the model file again"));
}

bool is_slot_count(uint32_t n) {
  return std::has_single_bit(n) && n <= kMaxSlots;
}

}  // namespace

uint64_t piece_hash(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string_view VocabView::bytes(TokenId id) const {
  const uint32_t begin = load_u32(offsets_ + size_t{4} * id);
  const uint32_t end = load_u32(offsets_ + size_t{4} * id + 4);
  return {text_ + begin, end - begin};
}

TokenType VocabView::type(TokenId id) const {
  return TokenType(types_[id] & kTypeMask);
}

bool VocabView::is_direct(TokenId id) const {
  return (types_[id] & kDirectBit) != 0;
}

bool VocabView::strips_left(TokenId id) const {
  return (types_[id] & kStripLeftBit) != 0;
}
bool VocabView::strips_right(TokenId id) const {
  return (types_[id] & kStripRightBit) != 0;
}

float VocabView::score(TokenId id) const {
  return scores_ == nullptr ? 0.0f : std::bit_cast<float>(load_u32(scores_ + size_t{4} * id));
}

TokenId VocabView::find(std::string_view bytes) const {
  if (bytes.empty() || bytes.size() > max_token_bytes_) return kNoToken;
  const uint64_t hash = piece_hash(bytes);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  auto slot = static_cast<uint32_t>(hash) & piece_mask_;
  for (uint32_t probes = 0; probes <= piece_mask_; ++probes, slot = (slot + 1) & piece_mask_) {
    const uint8_t* at = pieces_ + size_t{kPieceSlotBytes} * slot;
    const TokenId id = load_u32(at);
    if (id == kNoToken) return kNoToken;
    if (load_u32(at + 4) == tag && this->bytes(id) == bytes) return id;
  }
  return kNoToken;
}

TokenId VocabView::byte_token(uint8_t byte) const {
  return load_u32(byte_tokens_ + size_t{4} * byte);
}

VocabView::Merge VocabView::find_merge(TokenId left, TokenId right) const {
  uint32_t slot = merge_hash(left, right) & merge_mask_;
  for (uint32_t probes = 0; probes <= merge_mask_; ++probes, slot = (slot + 1) & merge_mask_) {
    const uint8_t* at = merges_ + size_t{kMergeSlotBytes} * slot;
    const TokenId found = load_u32(at);
    if (found == left && load_u32(at + 4) == right) return {load_u32(at + 8), load_u32(at + 12)};
    if (found == kNoToken) break;
  }
  return {};
}

TokenId VocabView::special(uint32_t i) const {
  return load_u32(specials_ + size_t{4} * i);
}

// One pass over the bytes; each step relies on those before it.
class VocabParser {
 public:
  explicit VocabParser(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  Result<VocabView> parse() {
    ETB_RETURN_IF_ERROR(read_header());
    ETB_RETURN_IF_ERROR(place_sections());
    ETB_RETURN_IF_ERROR(check_tokens());
    ETB_RETURN_IF_ERROR(check_specials());
    ETB_RETURN_IF_ERROR(check_pieces());
    ETB_RETURN_IF_ERROR(check_merges());
    return view_;
  }

 private:
  Status read_header() {
    if (bytes_.size() < sizeof header_) return corrupt("shorter than its header");
    std::memcpy(&header_, bytes_.data(), sizeof header_);
    if (!std::equal(std::begin(kVocabMagic), std::end(kVocabMagic), header_.magic)) {
      return corrupt("does not begin with 'etbvocab'");
    }
    if (header_.version != kVocabVersion) {
      return Status(StatusCode::Unsupported,
                    concat("stored tokenizer: version ", header_.version, ", this build reads ",
                           kVocabVersion, "; import the model file again"));
    }
    if (header_.kind < 1 || header_.kind > 5) return corrupt("its kind is unknown");
    if ((header_.flags & ~kKnownFlags) != 0) return corrupt("has unknown flags");
    if (header_.size == 0 || header_.size > kMaxVocab) return corrupt("its vocabulary size is off");
    if (header_.special_count > header_.size) return corrupt("more special tokens than tokens");
    if (!is_slot_count(header_.piece_slots) || !is_slot_count(header_.merge_slots)) {
      return corrupt("a table's number of slots is not a power of two in range");
    }
    if (header_.pre_bytes > kMaxPreBytes || header_.text_bytes > kMaxTextBytes) {
      return corrupt("its text is too long");
    }
    for (const uint32_t id : header_.ids) {
      if (id != kNoToken && id >= header_.size) return corrupt("a special id is out of range");
    }
    return {};
  }

  // Only called when the total size has been found to fit.
  const uint8_t* take(uint64_t count, uint64_t width) {
    const uint8_t* section = bytes_.data() + used_;
    used_ += static_cast<size_t>(count * width);
    return section;
  }

  Status place_sections() {
    const VocabHeader& h = header_;
    const uint64_t scores = (h.flags & kHasScores) != 0 ? h.size : 0;
    const uint64_t total =
        sizeof h + 4 * (uint64_t{h.size} + 1) + 4 * uint64_t{256} + 4 * uint64_t{h.special_count} +
        4 * scores + uint64_t{kPieceSlotBytes} * h.piece_slots +
        uint64_t{kMergeSlotBytes} * h.merge_slots + h.size + h.pre_bytes + h.text_bytes;
    if (total != bytes_.size()) return corrupt("its length does not match its header");
    used_ = sizeof h;
    view_.before_space_ = bytes_.data() + offsetof(VocabHeader, before_space);
    view_.offsets_ = take(uint64_t{h.size} + 1, 4);
    view_.byte_tokens_ = take(256, 4);
    view_.specials_ = take(h.special_count, 4);
    const uint8_t* score_section = take(scores, 4);
    view_.scores_ = scores > 0 ? score_section : nullptr;
    view_.pieces_ = take(h.piece_slots, kPieceSlotBytes);
    view_.merges_ = take(h.merge_slots, kMergeSlotBytes);
    view_.types_ = take(h.size, 1);
    view_.pre_ = {reinterpret_cast<const char*>(take(h.pre_bytes, 1)), h.pre_bytes};
    view_.text_ = reinterpret_cast<const char*>(take(h.text_bytes, 1));
    fill_scalars();
    return {};
  }

  void fill_scalars() {
    const auto id = [this](int i) {
      return header_.ids[i] == kNoToken ? std::nullopt : std::optional<TokenId>(header_.ids[i]);
    };
    view_.ids_ = {id(0), id(1), id(2), id(3), id(4), id(5)};
    view_.kind_ = VocabKind(header_.kind);
    view_.add_bos_ = (header_.flags & kAddBos) != 0;
    view_.add_eos_ = (header_.flags & kAddEos) != 0;
    view_.add_space_prefix_ = (header_.flags & kAddSpacePrefix) != 0;
    view_.knows_direct_ = (header_.flags & kDirectLeftOut) == 0;
    view_.size_ = header_.size;
    view_.special_count_ = header_.special_count;
    view_.piece_mask_ = header_.piece_slots - 1;
    view_.merge_mask_ = header_.merge_slots - 1;
    view_.max_token_bytes_ = header_.max_token_bytes;
  }

  Status check_tokens() {
    uint32_t previous = load_u32(view_.offsets_);
    uint32_t longest = 0;
    bool ascending = previous == 0;
    for (uint32_t i = 1; i <= header_.size; ++i) {
      const uint32_t offset = load_u32(view_.offsets_ + size_t{4} * i);
      ascending &= offset >= previous;
      longest = std::max(longest, offset - previous);
      previous = offset;
    }
    if (!ascending || previous != header_.text_bytes) return corrupt("token offsets are broken");
    if (longest != header_.max_token_bytes) return corrupt("its longest token is not as it says");
    bool types_known = true;
    for (uint32_t i = 0; i < header_.size; ++i) {
      const uint8_t type = view_.types_[i];
      types_known &= (type & kTypeMask) >= 1 && (type & kTypeMask) <= 6;
      types_known &= (type & 0x10) == 0;
    }
    if (!types_known) return corrupt("a token's type is unknown");
    for (int byte = 0; byte < 256; ++byte) {
      const TokenId id = view_.byte_token(static_cast<uint8_t>(byte));
      if (id != kNoToken && id >= header_.size) return corrupt("a byte's token is out of range");
    }
    return {};
  }

  Status check_specials() {
    std::string_view previous;
    for (uint32_t i = 0; i < header_.special_count; ++i) {
      const TokenId id = view_.special(i);
      if (id >= header_.size) return corrupt("a special token is out of range");
      const std::string_view text = view_.bytes(id);
      if (text.empty() || text < previous) return corrupt("special tokens are not in order");
      if (text.size() > kMaxSpecialBytes) return corrupt("a special token is too long");
      previous = text;
    }
    return {};
  }

  Status check_pieces() {
    uint32_t empty = 0;
    bool in_range = true;
    for (uint32_t i = 0; i < header_.piece_slots; ++i) {
      const TokenId id = load_u32(view_.pieces_ + size_t{kPieceSlotBytes} * i);
      empty += id == kNoToken ? 1 : 0;
      in_range &= id < header_.size || id == kNoToken;
    }
    return in_range && empty > 0 ? Status() : corrupt("its table of pieces is broken");
  }

  Status check_merges() {
    uint32_t empty = 0;
    bool in_range = true;
    for (uint32_t i = 0; i < header_.merge_slots; ++i) {
      const uint8_t* at = view_.merges_ + size_t{kMergeSlotBytes} * i;
      const TokenId left = load_u32(at);
      const bool is_empty = left == kNoToken;
      empty += is_empty ? 1 : 0;
      in_range &= is_empty || (left < header_.size && load_u32(at + 4) < header_.size &&
                               load_u32(at + 12) < header_.size);
    }
    return in_range && empty > 0 ? Status() : corrupt("its table of merges is broken");
  }

  std::span<const uint8_t> bytes_;
  size_t used_ = 0;
  VocabHeader header_{};
  VocabView view_;
};

Result<VocabView> parse_vocab(std::span<const uint8_t> bytes) {
  return VocabParser(bytes).parse();
}

}  // namespace etb::family
