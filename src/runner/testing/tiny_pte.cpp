#include "runner/testing/tiny_pte.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace etb::runner::testing {
namespace {

class Writer;
// Appends an object and returns where it starts.
using Child = std::function<uint32_t(Writer&)>;

struct Field {
  uint16_t slot;
  uint8_t bytes;   // 1, 4 or 8
  uint64_t value;  // or the place of `child`
  Child child;
};

// A FlatBuffer written from its root to its leaves: children follow their parents, so each offset
// is positive and patched once the child's place is known.
class Writer {
 public:
  std::vector<uint8_t> bytes;

  void align(size_t to, size_t ahead = 0) {
    while ((bytes.size() + ahead) % to != 0) bytes.push_back(0);
  }
  template <class T>
  void put(T value) {
    const auto* p = reinterpret_cast<const uint8_t*>(&value);
    bytes.insert(bytes.end(), p, p + sizeof(T));
  }
  template <class T>
  void patch(size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof(T));
  }

  uint32_t table(std::vector<Field> fields) {
    std::stable_sort(fields.begin(), fields.end(),
                     [](const Field& a, const Field& b) { return a.bytes > b.bytes; });
    uint16_t slots = 0;
    for (const Field& f : fields)
      slots = std::max<uint16_t>(slots, static_cast<uint16_t>(f.slot + 1));
    std::vector<uint16_t> places(slots, 0);
    uint16_t end =
        8;  // the offset to the vtable, and padding for the 8-byte fields that come first
    for (const Field& f : fields) {
      places[f.slot] = end;
      end = static_cast<uint16_t>(end + f.bytes);
    }
    align(2);
    const auto vtable = static_cast<uint32_t>(bytes.size());
    put(static_cast<uint16_t>(4 + 2 * slots));
    put(end);
    for (const uint16_t place : places) put(place);
    align(8);
    const auto start = static_cast<uint32_t>(bytes.size());
    put(static_cast<int32_t>(start - vtable));
    put(uint32_t{0});
    for (const Field& f : fields) {
      const auto* p = reinterpret_cast<const uint8_t*>(&f.value);
      bytes.insert(bytes.end(), p, p + f.bytes);
    }
    for (const Field& f : fields) {
      if (f.child) place_child(start + places[f.slot], f.child);
    }
    return start;
  }

  template <class T>
  uint32_t scalars(const std::vector<T>& values) {
    align(sizeof(T) < 4 ? 4 : sizeof(T), 4);
    const auto start = static_cast<uint32_t>(bytes.size());
    put(static_cast<uint32_t>(values.size()));
    for (const T value : values) put(value);
    return start;
  }

  uint32_t text(const std::string& value) {
    align(4);
    const auto start = static_cast<uint32_t>(bytes.size());
    put(static_cast<uint32_t>(value.size()));
    bytes.insert(bytes.end(), value.begin(), value.end());
    bytes.push_back(0);
    return start;
  }

  uint32_t children(const std::vector<Child>& items) {
    align(4);
    const auto start = static_cast<uint32_t>(bytes.size());
    put(static_cast<uint32_t>(items.size()));
    for (size_t i = 0; i < items.size(); ++i) put(uint32_t{0});
    for (size_t i = 0; i < items.size(); ++i) place_child(start + 4 + 4 * i, items[i]);
    return start;
  }

 private:
  void place_child(size_t at, const Child& child) {
    const uint32_t place = child(*this);
    patch(at, static_cast<uint32_t>(place - at));
  }
};

Field number(uint16_t slot, uint8_t bytes, uint64_t value) {
  return {slot, bytes, value, nullptr};
}
Field child(uint16_t slot, Child make) {
  return {slot, 4, 0, std::move(make)};
}

Child table(std::vector<Field> fields) {
  return [fields = std::move(fields)](Writer& w) { return w.table(fields); };
}
Child text(std::string value) {
  return [value = std::move(value)](Writer& w) { return w.text(value); };
}
template <class T>
Child scalars(std::vector<T> values) {
  return [values = std::move(values)](Writer& w) { return w.scalars(values); };
}
Child list(std::vector<Child> items) {
  return [items = std::move(items)](Writer& w) { return w.children(items); };
}

Child tensor_table(const PteTensor& t) {
  std::vector<uint8_t> dim_order;
  for (size_t i = 0; i < t.sizes.size(); ++i) dim_order.push_back(static_cast<uint8_t>(i));
  std::vector<Field> fields = {number(0, 1, static_cast<uint64_t>(t.type)),
                               number(1, 4, 0),
                               child(2, scalars(t.sizes)),
                               child(3, scalars(dim_order)),
                               number(5, 4, t.constant),
                               number(8, 1, t.dynamic ? 1 : 0)};
  if (t.memory_id > 0) {
    fields.push_back(child(6, table({number(0, 4, t.memory_id), number(1, 4, t.offset)})));
  }
  if (!t.name.empty()) fields.push_back(child(9, table({child(1, text(t.name))})));
  return table(std::move(fields));
}

Child value_table(const PteValue& value) {
  const auto wrap = [](uint64_t type, Child inner) {
    return table({number(0, 1, type), child(1, std::move(inner))});
  };
  if (const auto* i = std::get_if<int64_t>(&value)) {
    return wrap(2, table({number(0, 8, static_cast<uint64_t>(*i))}));
  }
  if (const auto* d = std::get_if<double>(&value)) {
    uint64_t bits = 0;
    std::memcpy(&bits, d, sizeof(bits));
    return wrap(4, table({number(0, 8, bits)}));
  }
  if (const auto* s = std::get_if<std::string>(&value)) return wrap(6, table({child(0, text(*s))}));
  return wrap(5, tensor_table(std::get<PteTensor>(value)));
}

Child method_table(const PteMethod& m) {
  std::vector<Child> values, instructions, operators, delegates;
  for (const PteValue& value : m.values) values.push_back(value_table(value));
  for (const PteCall& call : m.calls) {
    const uint64_t index = operators.size();
    operators.push_back(table({child(0, text(call.op)), child(1, text(call.overload))}));
    Child kernel_call = table({number(0, 4, index), child(1, scalars(call.args))});
    instructions.push_back(table({number(0, 1, 1), child(1, std::move(kernel_call))}));
  }
  for (const std::string& id : m.backends) {
    delegates.push_back(
        table({child(0, text(id)), child(1, table({number(0, 1, 1), number(1, 4, 0)})),
               child(2, list({}))}));
  }
  std::vector<int64_t> sizes = {0};
  sizes.insert(sizes.end(), m.memory_sizes.begin(), m.memory_sizes.end());
  Child chain =
      table({child(0, scalars(std::vector<int32_t>{})), child(1, scalars(std::vector<int32_t>{})),
             child(2, list(std::move(instructions)))});
  Child container = table({child(0, text("")), child(1, text(""))});
  return table({child(0, text(m.name)), child(1, std::move(container)),
                child(2, list(std::move(values))), child(3, scalars(m.inputs)),
                child(4, scalars(m.outputs)), child(5, list({std::move(chain)})),
                child(6, list(std::move(operators))), child(7, list(std::move(delegates))),
                child(8, scalars(sizes))});
}

uint64_t aligned(uint64_t offset) {
  return (offset + 63) / 64 * 64;
}

std::vector<uint8_t> constant_segment(const PteFileSpec& spec, std::vector<uint64_t>& offsets) {
  std::vector<uint8_t> segment;
  offsets = {0};  // the first one is never used
  for (const auto& constant : spec.constants) {
    segment.resize(aligned(segment.size()));
    offsets.push_back(segment.size());
    segment.insert(segment.end(), constant.begin(), constant.end());
  }
  return segment;
}

}  // namespace

PteMethod constant_method(std::string name, std::vector<int64_t> values) {
  PteMethod method;
  method.name = std::move(name);
  for (const int64_t value : values) {
    method.outputs.push_back(static_cast<int32_t>(method.values.size()));
    method.values.emplace_back(value);
  }
  return method;
}

std::vector<uint8_t> write_program(const PteFileSpec& spec) {
  std::vector<uint64_t> offsets;
  uint64_t end = constant_segment(spec, offsets).size();
  std::vector<Child> segments = {table({number(0, 8, 0), number(1, 8, end)})};
  std::vector<Child> named;
  for (const auto& [key, bytes] : spec.named) {
    const uint64_t start = aligned(end);
    named.push_back(table({child(0, text(key)), number(1, 4, segments.size())}));
    segments.push_back(table({number(0, 8, start), number(1, 8, bytes.size())}));
    end = start + bytes.size();
  }
  std::vector<Child> methods;
  for (const PteMethod& method : spec.methods) methods.push_back(method_table(method));
  Writer w;
  w.bytes.resize(40);
  std::memcpy(w.bytes.data() + 4, "ET12eh00", 8);
  w.patch(12, uint32_t{32});
  w.patch(24, spec.segment_base);
  w.patch(32, end);
  Child constants = table({number(0, 4, 0), child(1, scalars(offsets))});
  const uint32_t root =
      w.table({number(0, 4, 0), child(1, list(std::move(methods))), child(2, list({})),
               child(3, list({})), child(4, list(std::move(segments))),
               child(5, std::move(constants)), child(7, list(std::move(named)))});
  w.patch(0, root);
  w.align(16);
  w.patch(16, static_cast<uint64_t>(w.bytes.size()));
  return w.bytes;
}

std::vector<uint8_t> write_pte(const PteFileSpec& spec) {
  std::vector<uint64_t> offsets;
  std::vector<uint8_t> file = write_program(spec);
  const std::vector<uint8_t> segment = constant_segment(spec, offsets);
  file.resize(spec.segment_base);
  file.insert(file.end(), segment.begin(), segment.end());
  for (const auto& [key, bytes] : spec.named) {
    file.resize(spec.segment_base + aligned(file.size() - spec.segment_base));
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  return file;
}

}  // namespace etb::runner::testing
