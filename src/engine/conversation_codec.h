// A conversation as bytes: the payload of a session file. The reader treats them as hostile.
//
// Little-endian; text is u64 length and bytes; the order is: u32 kConversationVersion; system;
// u64 count of messages, each role, content, reasoning, fields, its media, u32 pinned; u32 and u64
// when it began; u64 cut; u64 covers; summary; transcript text; u64 count and u32 ids of the
// transcript; u64 count of marks, each u64 messages, text, ids. Media: u64 count, each u64 place,
// u32 kind, three u32 sizes, u64 count of its bytes or floats, and they.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "engine/conversation.h"

namespace etb {

inline constexpr uint32_t kConversationVersion = 5;

std::vector<uint8_t> encode_conversation(const Conversation& conversation);
// Corrupt names the field that does not fit; Unsupported: of another version.
Result<Conversation> decode_conversation(std::span<const uint8_t> bytes);

}  // namespace etb
