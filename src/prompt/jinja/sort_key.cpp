#include "prompt/jinja/sort_key.h"

#include "prompt/jinja/operators.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {

Value fold_case(Runtime& rt, const Value& value) {
  return value.is_string() ? rt.string(to_lower(value.text())) : value;
}

// A merge sort of our own: std::stable_sort may misbehave when a failed comparison makes the order
// inconsistent.
std::vector<Value> sort_keyed(Runtime& rt, std::vector<Keyed> keyed, bool reverse) {
  const size_t count = keyed.size();
  std::vector<Keyed> other(count);
  for (size_t width = 1; width < count && !rt.failed(); width *= 2) {
    for (size_t start = 0; start < count; start += 2 * width) {
      size_t left = start, right = std::min(start + width, count);
      const size_t left_end = right, right_end = std::min(start + 2 * width, count);
      for (size_t out = start; out < right_end; ++out) {
        bool take_left = right >= right_end;
        if (!take_left && left < left_end) {
          const int sign = order(rt, keyed[right].key, keyed[left].key);
          take_left = reverse ? sign <= 0 : sign >= 0;
        }
        other[out] = std::move(keyed[take_left ? left++ : right++]);
      }
    }
    keyed.swap(other);
  }
  std::vector<Value> items;
  items.reserve(count);
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return items;
}

}  // namespace etb::prompt::jinja
