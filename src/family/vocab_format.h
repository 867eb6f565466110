// The stored vocabulary, byte for byte (little-endian, sections without gaps, in this order):
//   header | offsets u32[size+1] | byte tokens u32[256] | specials u32[special_count]
//   | scores f32[size], if kHasScores | pieces {id, tag} | merges {left, right, rank, merged}
//   | types u8[size] | pre | text
// Both tables are open-addressed with linear probing, have a power-of-two number of slots and at
// least one empty slot (id or left = kNoToken). Loads go through memcpy: no alignment is assumed.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/token_id.h"

namespace etb::family {

static_assert(std::endian::native == std::endian::little, "stored vocabularies are little-endian");

inline constexpr char kVocabMagic[8] = {'e', 't', 'b', 'v', 'o', 'c', 'a', 'b'};
inline constexpr uint32_t kVocabVersion = 1;

// Far above every real vocabulary (the largest have 262,144 tokens, 580,604 merges), and low enough
// that no size computed from them in 64 bits can overflow.
inline constexpr uint32_t kMaxVocab = 1u << 22;
inline constexpr uint32_t kMaxSlots = 1u << 24;
inline constexpr uint32_t kMaxPreBytes = 1u << 22;
inline constexpr uint32_t kMaxTextBytes = 1u << 30;
// Special tokens are tried at every place in a text; their length bounds what that can cost.
inline constexpr uint32_t kMaxSpecialBytes = 1024;

enum VocabFlags : uint32_t {
  kAddBos = 1,
  kAddEos = 2,
  kAddSpacePrefix = 4,
  kHasScores = 8,
  kDirectLeftOut = 16,
};
inline constexpr uint32_t kKnownFlags = 31;

// In the bytes of the section `types`, above the TokenType.
inline constexpr uint8_t kDirectBit = 0x80;
inline constexpr uint8_t kStripLeftBit = 0x40;
inline constexpr uint8_t kStripRightBit = 0x20;
inline constexpr uint8_t kTypeMask = 0x0F;

struct VocabHeader {
  char magic[8];
  uint32_t version, kind, flags, size;
  uint32_t special_count, piece_slots, merge_slots, pre_bytes;
  uint32_t text_bytes, max_token_bytes;
  uint32_t ids[6];           // bos, eos, eot, eom, unk, pad; kNoToken = none
  uint8_t before_space[32];  // bit b: some piece holds the byte b with a space behind it
};
static_assert(sizeof(VocabHeader) == 104);

inline constexpr uint32_t kPieceSlotBytes = 8;
inline constexpr uint32_t kMergeSlotBytes = 16;

inline uint32_t load_u32(const uint8_t* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Parts of the format: where a search begins. Of a piece's hash the low half chooses the slot and
// the high half is the tag beside its id (XXH3-64, in vocab.cpp).
uint64_t piece_hash(std::string_view bytes);

inline uint32_t merge_hash(TokenId left, TokenId right) {
  uint64_t key = (uint64_t{left} << 32 | right) * 0x9E37'79B9'7F4A'7C15u;
  key ^= key >> 32;
  return static_cast<uint32_t>((key * 0xD6E8'FEB8'6659'FD93u) >> 32);
}

}  // namespace etb::family
