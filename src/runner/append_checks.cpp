#include "runner/append_checks.h"

#include <algorithm>

#include "base/common_prefix.h"
#include "base/text.h"

namespace etb::runner {

Status check_ids(std::span<const TokenId> ids, uint32_t vocab, bool media) {
  const auto known = [&](TokenId id) { return id < vocab || (media && is_media_id(id)); };
  const auto stranger = std::find_if_not(ids.begin(), ids.end(), known);
  if (stranger == ids.end()) return {};
  return {StatusCode::InvalidArgument,
          concat("token ", *stranger, " (number ", stranger - ids.begin(), ") is not in the ",
                 vocab, "-token vocabulary")};
}

Status check_place(const kv::RowsView& rows, uint32_t position, uint32_t capacity) {
  if (rows.from != position) {
    return {StatusCode::InvalidArgument,
            concat("rows from position ", rows.from, " on do not follow position ", position)};
  }
  if (rows.to <= capacity) return {};
  return {StatusCode::ContextFull, concat("rows up to ", rows.to, " do not fit a context of ",
                                          capacity, ": load with a larger context")};
}

Status check_common(const Sequence& mine, const Sequence& other, uint32_t to) {
  const uint32_t lowest = std::max(mine.position(), other.rewind_floor());
  if (to < lowest || to > other.position()) {
    return {StatusCode::InvalidArgument, concat("rows up to ", to, " of a sequence: possible are ",
                                                lowest, " to ", other.position())};
  }
  const size_t same = common_prefix(mine.ids(), other.ids());
  if (same == mine.ids().size()) return {};
  return {StatusCode::InvalidArgument,
          concat("the two sequences part at position ", same, ", before ", mine.ids().size())};
}

}  // namespace etb::runner
