// Equality and order of values, as Python's == and < see them.
#include <algorithm>
#include <cmath>

#include "prompt/object.h"
#include "prompt/value.h"

namespace etb::prompt {
namespace {

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.integer() == b.integer();
  return a.number() == b.number();
}

bool equal_lists(const ListRep& a, const ListRep& b, Work& work) {
  if (a.form != b.form || a.form == ListForm::Iterator || a.form == ListForm::Values) return false;
  if (a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(a.items[i], b.items[i], work)) return false;
  }
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b, Work& work) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(key, work);
    if (!other || !equal(value, *other, work)) return false;
  }
  return true;
}

int compare_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) {
    return a.integer() < b.integer() ? -1 : a.integer() > b.integer();
  }
  const double x = a.number(), y = b.number();
  return x < y ? -1 : x > y;
}

bool ordered_forms(const Value& a, const Value& b) {
  return (a.is_form(ListForm::List) && b.is_form(ListForm::List)) ||
         (a.is_form(ListForm::Tuple) && b.is_form(ListForm::Tuple));
}

}  // namespace

bool equal(const Value& a, const Value& b, Work& work) {
  if (!work.spend(1)) return false;
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::Undefined:
    case Kind::None:
      return true;
    case Kind::BigInt:
      return a.big_digits() == b.big_digits();
    case Kind::String:
      if (a.text().size() != b.text().size()) return false;
      work.spend(a.text().size() / 64);
      return a.text() == b.text();
    case Kind::List:
      return a.identity() == b.identity() || equal_lists(a.list(), b.list(), work);
    case Kind::Dict:
      return a.identity() == b.identity() || equal_dicts(a.dict(), b.dict(), work);
    case Kind::Object:
      return &a.object() == &b.object();
    default:
      return false;
  }
}

int compare(const Value& a, const Value& b, Work& work, bool& comparable) {
  if (!work.spend(1)) return 0;
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    work.spend(std::min(a.text().size(), b.text().size()) / 64);
    const int order = a.text().compare(b.text());  // bytes of UTF-8 order as code points
    return order < 0 ? -1 : order > 0;
  }
  if (!ordered_forms(a, b)) {
    comparable = false;
    return 0;
  }
  const size_t shared = std::min(a.items().size(), b.items().size());
  for (size_t i = 0; i < shared && comparable && !work.exhausted(); ++i) {
    if (!equal(a.items()[i], b.items()[i], work)) {
      return compare(a.items()[i], b.items()[i], work, comparable);
    }
  }
  return a.items().size() < b.items().size() ? -1 : a.items().size() > b.items().size();
}

}  // namespace etb::prompt
