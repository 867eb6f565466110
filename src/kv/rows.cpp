#include "kv/rows.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace etb::kv {

uint32_t first_needed(uint32_t window, uint32_t floor) {
  if (window == 0 || floor < window) return 0;
  return floor - window + 1;
}

uint64_t RowLayout::bytes(uint32_t from, uint32_t to, uint32_t floor) const {
  uint64_t sum = 0;
  for (const Part& part : parts) {
    const uint32_t first = std::max(from, first_needed(part.window, floor));
    if (first < to) sum += part.bytes * (to - first);
  }
  return sum;
}

bool RowLayout::complete(uint32_t from, uint32_t floor) const {
  return std::all_of(parts.begin(), parts.end(),
                     [&](const Part& part) { return first_needed(part.window, floor) <= from; });
}

RowsView Rows::view() const {
  return {from, to, floor, model_key, type, ids, {bytes.data(), bytes.size()}};
}

RowsView slice(const RowsView& rows, uint32_t from, uint32_t to, const RowLayout& layout) {
  RowsView part = rows;
  part.from = from;
  part.to = to;
  part.floor = layout.complete(from, rows.floor) ? 0 : rows.floor;
  part.ids = rows.ids.subspan(from - rows.from, to - from);
  part.bytes = rows.bytes.subspan(layout.bytes(rows.from, from, rows.floor),
                                  layout.bytes(from, to, rows.floor));
  return part;
}

Result<Rows> copy_of(const RowsView& rows) {
  Rows copy;
  copy.from = rows.from;
  copy.to = rows.to;
  copy.floor = rows.floor;
  copy.model_key = rows.model_key;
  copy.type = rows.type;
  copy.ids.assign(rows.ids.begin(), rows.ids.end());
  ETB_ASSIGN_OR_RETURN(copy.bytes, AnonymousMemory::reserve(rows.bytes.size()));
  if (!rows.bytes.empty()) {
    std::memcpy(copy.bytes.data(), rows.bytes.data(), rows.bytes.size());
  }
  return copy;
}

Status check_rows(const RowsView& rows, const ModelTag& model) {
  if (rows.model_key != model.key) {
    return {StatusCode::InvalidArgument,
            concat("KV rows are of a model with key ", hex(rows.model_key), ", loaded is '",
                   model.name, "' (key ", hex(model.key), ")")};
  }
  if (rows.type != model.type) {
    return {StatusCode::InvalidArgument,
            concat("KV rows are of type ", model::kv_type_name(rows.type), ", loaded is ",
                   model::kv_type_name(model.type))};
  }
  if (rows.from > rows.to || rows.ids.size() != rows.to - rows.from) {
    return {StatusCode::Corrupt,
            concat("KV rows ", rows.from, " to ", rows.to, " come with ", rows.ids.size(), " ids")};
  }
  const uint64_t wanted = model.layout.bytes(rows.from, rows.to, rows.floor);
  if (rows.bytes.size() == wanted) return {};
  return {StatusCode::Corrupt, concat("KV rows ", rows.from, " to ", rows.to, " have ",
                                      rows.bytes.size(), " bytes instead of ", wanted)};
}

}  // namespace etb::kv
