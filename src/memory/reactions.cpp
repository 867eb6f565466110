#include "memory/reactions.h"

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "memory/show.h"

namespace etb::memory {
namespace {

// The largest power of two below `positions`; 0 for 0 and 1.
uint32_t half_of(uint32_t positions) {
  return positions < 2 ? 0 : std::bit_floor(positions - 1);
}

// The smallest power of two that holds `positions`; the number itself beyond 2^31.
uint32_t holding(uint32_t positions) {
  return positions > (1U << 31) ? positions : std::bit_ceil(positions);
}

}  // namespace

std::string_view reaction_name(ReactionKind kind) {
  switch (kind) {
    case ReactionKind::None:
      return "none";
    case ReactionKind::DropPrefixStore:
      return "drop_prefix_store";
    case ReactionKind::ShrinkContext:
      return "shrink_context";
    case ReactionKind::ParkSessions:
      return "park_sessions";
    case ReactionKind::Unload:
      return "unload";
    case ReactionKind::GrowContext:
      return "grow_context";
  }
  return "?";
}

Reaction ReactionPolicy::drop_store(const Holdings& holdings) {
  const uint64_t bytes = holdings.prefix_store_bytes;
  // Tried before and no smaller: in use, or growing faster than it is dropped.
  if (bytes == 0 || (tried_store_bytes_ != 0 && bytes >= tried_store_bytes_)) return {};
  tried_store_bytes_ = bytes;
  return {.kind = ReactionKind::DropPrefixStore,
          .bytes = bytes,
          .reason = concat("drop the prefix store, ", mebibytes(bytes))};
}

// First so that what is not used yet cannot be; then by half, so that conversations lose their
// oldest exchanges. At Critical the first would give nothing back, so it is left out.
Reaction ReactionPolicy::shrink(const PressureReading& reading, const Holdings& holdings) {
  const uint32_t least = std::min(rules_.least_context, holdings.wanted_context);
  const uint32_t used = std::min(holdings.used_positions, holdings.context);
  const bool tried = tried_context_ != 0 && holdings.context >= tried_context_;
  if (!holdings.loaded || holdings.context <= least || tried) return {};
  uint32_t target = std::max(holding(used), least);
  if (target >= holdings.context) target = half_of(holdings.context);
  if (reading.now == PressureLevel::Critical && used > least) target = half_of(used);
  target = std::max(target, least);
  tried_context_ = holdings.context;
  const uint64_t rows = less(used, target);
  const uint64_t bytes = rows == 0 ? 0 : kv_growth(holdings.cost, target, used);
  const std::string effect =
      rows == 0 ? concat("only ", used, " positions are in use and no more than that can be")
                : concat(rows, " positions of KV cache go, ", mebibytes(bytes));
  return {
      .kind = ReactionKind::ShrinkContext,
      .context = target,
      .bytes = bytes,
      .reason = concat("shrink the context from ", holdings.context, " to ", target, ": ", effect)};
}

Reaction ReactionPolicy::park(const Holdings& holdings) {
  const uint32_t count = holdings.idle_sessions;
  if (count == 0 || (tried_sessions_ != 0 && count >= tried_sessions_)) return {};
  tried_sessions_ = count;
  return {.kind = ReactionKind::ParkSessions,
          .bytes = holdings.idle_session_bytes,
          .reason = concat("park ", count, count == 1 ? " idle session, " : " idle sessions, ",
                           mebibytes(holdings.idle_session_bytes))};
}

Reaction ReactionPolicy::unload(const Holdings& holdings, int64_t now_ns) {
  if (!holdings.loaded) return {};
  if (holdings.busy) {
    if (!waiting_for_idle_ || now_ns < waiting_since_ns_) waiting_since_ns_ = now_ns;
    waiting_for_idle_ = true;
    if (now_ns - waiting_since_ns_ < rules_.busy_grace_ns) return {};
  }
  waiting_for_idle_ = false;
  const std::string who = holdings.busy ? " and end what runs" : "";
  return {.kind = ReactionKind::Unload,
          .cancel_running = holdings.busy,
          .bytes = holdings.model_bytes,
          .reason = concat("unload the model", who, ", ", mebibytes(holdings.model_bytes))};
}

Reaction ReactionPolicy::react(const PressureReading& reading, const Holdings& holdings,
                               int64_t now_ns) {
  const bool critical = reading.now == PressureLevel::Critical;
  if (now_ns < last_ns_) last_ns_ = now_ns;
  const int64_t settle = critical ? rules_.urgent_settle_ns : rules_.settle_ns;
  if (reacted_ && now_ns - last_ns_ < settle) return {};
  Reaction reaction = drop_store(holdings);
  if (reaction.kind == ReactionKind::None) reaction = shrink(reading, holdings);
  if (reaction.kind == ReactionKind::None) reaction = park(holdings);
  if (reaction.kind == ReactionKind::None && critical) reaction = unload(holdings, now_ns);
  if (reaction.kind == ReactionKind::None) return {};
  reacted_ = true;
  last_ns_ = now_ns;
  reaction.reason = concat(reading.reason, "; ", reaction.reason);
  return reaction;
}

Reaction ReactionPolicy::recover(const Holdings& holdings, int64_t now_ns) {
  reacted_ = false;
  tried_store_bytes_ = 0;
  tried_sessions_ = 0;
  tried_context_ = 0;
  if (!calm_ || now_ns < calm_since_ns_) calm_since_ns_ = now_ns;
  calm_ = true;
  const int64_t calm = now_ns - calm_since_ns_;
  if (calm < rules_.calm_ns || !holdings.loaded || holdings.context >= holdings.wanted_context) {
    return {};
  }
  const uint32_t target = std::min(holding(holdings.context + 1), holdings.wanted_context);
  const uint64_t needs = kv_growth(holdings.cost, holdings.context, target);
  if (multiply_saturating(needs, 2) > holdings.room_bytes) return {};
  calm_since_ns_ = now_ns;  // a calm as long again before the next step
  return {.kind = ReactionKind::GrowContext,
          .context = target,
          .reason = concat("no pressure on memory for ", calm / 1'000'000'000,
                           " s; grow the context from ", holdings.context, " to ", target,
                           ": it may take ", mebibytes(needs), " more of ",
                           mebibytes(holdings.room_bytes), " left")};
}

Reaction ReactionPolicy::next(const PressureReading& reading, const Holdings& holdings,
                              int64_t now_ns) {
  if (reading.level == PressureLevel::None) return recover(holdings, now_ns);
  calm_ = false;
  if (reading.now == PressureLevel::None) {
    waiting_for_idle_ = false;
    return {};
  }
  return react(reading, holdings, now_ns);
}

}  // namespace etb::memory
