// The dynamic value of chat templates: what Python would hold. Copies are cheap (payloads are
// shared and never change); truth, equality, order, str() and repr() follow Python. Values nest at
// most kMaxValueDepth deep, so walking and freeing them cannot exhaust the stack.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace etb::prompt {

class Dict;
class Object;
class Value;

inline constexpr uint32_t kMaxValueDepth = 100;

// Bytes that the values of one render hold at this moment.
struct MemoryMeter {
  uint64_t live = 0;
};

// Bounds work whose cost a template can make explode (comparing values that share parts).
class Work {
 public:
  explicit Work(uint64_t steps) : left_(steps) {}
  // False, for good, once the steps are spent.
  bool spend(uint64_t steps) {
    if (steps > left_) exhausted_ = true;
    left_ -= exhausted_ ? 0 : steps;
    return !exhausted_;
  }
  bool exhausted() const { return exhausted_; }

 private:
  uint64_t left_;
  bool exhausted_ = false;
};

struct StringRep {
  StringRep(std::string text_in, bool markup_in, MemoryMeter* meter_in);
  ~StringRep();
  StringRep(const StringRep&) = delete;
  StringRep& operator=(const StringRep&) = delete;

  const std::string text;
  size_t length = 0;  // in code points
  bool ascii = true;
  const bool markup;  // came out of `escape` or `safe`
  MemoryMeter* const meter;
};

// How Python would call this sequence. An Iterator can be walked once and has no length.
enum class ListForm : uint8_t { List, Tuple, Keys, Values, Items, Range, Iterator };

struct ListRep {
  ListRep(std::vector<Value> items_in, ListForm form_in, MemoryMeter* meter_in);
  ~ListRep();
  ListRep(const ListRep&) = delete;
  ListRep& operator=(const ListRep&) = delete;

  const std::vector<Value> items;
  const ListForm form;
  uint32_t depth = 1;
  mutable bool spent = false;  // Iterator: already walked
  Status late_error;           // Iterator: what walking beyond the items runs into
  MemoryMeter* const meter;
};

enum class Kind : uint8_t { Undefined, None, Bool, Int, Float, BigInt, String, List, Dict, Object };

// What Value holds for the kinds without a type of their own.
struct UndefinedInfo {
  std::shared_ptr<const StringRep> name;
  std::string_view owner_type = {};  // points to static text; empty: a name of the template
  bool hint = false;                 // `name` is the whole message
};
struct NoneTag {};
struct BigInt {
  std::shared_ptr<const StringRep> digits;
};

class Value {
 public:
  using StringPtr = std::shared_ptr<const StringRep>;
  using ListPtr = std::shared_ptr<const ListRep>;
  using DictPtr = std::shared_ptr<const Dict>;

  Value() = default;                                                 // undefined
  Value(std::nullptr_t) : data_(NoneTag{}) {}                        // NOLINT: implicit, None
  Value(bool value) : data_(value) {}                                // NOLINT: implicit
  Value(int value) : data_(static_cast<int64_t>(value)) {}           // NOLINT: implicit
  Value(int64_t value) : data_(value) {}                             // NOLINT: implicit
  Value(double value) : data_(value) {}                              // NOLINT: implicit
  Value(std::string_view text);                                      // NOLINT: implicit
  Value(const char* text) : Value(std::string_view(text)) {}         // NOLINT: implicit
  Value(const std::string& text) : Value(std::string_view(text)) {}  // NOLINT: implicit
  Value(StringPtr text) : data_(std::move(text)) {}                  // NOLINT: implicit
  Value(ListPtr list) : data_(std::move(list)) {}                    // NOLINT: implicit
  Value(DictPtr dict) : data_(std::move(dict)) {}                    // NOLINT: implicit
  Value(Object* object) : data_(object) {}                           // NOLINT: implicit; not owned

  // An undefined value that says, when used, what was missing: a name, or an attribute of a type.
  static Value undefined_name(StringPtr name);
  static Value undefined_attribute(std::string_view owner_type, StringPtr name);
  static Value undefined_because(std::string_view hint);
  static Value none() { return Value(nullptr); }
  // An integer beyond 64 bits: kept as its digits, good for printing only.
  static Value big_int(std::string digits);
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value dict(Dict dict);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_undefined() const { return kind() == Kind::Undefined; }
  bool is_none() const { return kind() == Kind::None; }
  bool is_bool() const { return kind() == Kind::Bool; }
  bool is_string() const { return kind() == Kind::String; }
  bool is_list() const { return kind() == Kind::List; }  // any ListForm
  bool is_form(ListForm form) const { return is_list() && list().form == form; }
  bool is_dict() const { return kind() == Kind::Dict; }
  bool is_object() const { return kind() == Kind::Object; }
  bool is_integer() const { return kind() == Kind::Int || is_bool(); }  // as isinstance(x, int)
  bool is_float() const { return kind() == Kind::Float; }
  bool is_number() const { return is_integer() || is_float(); }

  // Preconditions: the kind fits.
  int64_t integer() const { return is_bool() ? std::get<bool>(data_) : std::get<int64_t>(data_); }
  double number() const {
    return is_float() ? std::get<double>(data_) : static_cast<double>(integer());
  }
  const StringRep& string() const { return *std::get<StringPtr>(data_); }
  const StringPtr& string_ptr() const { return std::get<StringPtr>(data_); }
  std::string_view text() const { return string().text; }
  const std::string& big_digits() const { return std::get<BigInt>(data_).digits->text; }
  const ListRep& list() const { return *std::get<ListPtr>(data_); }
  const std::vector<Value>& items() const { return list().items; }
  const ListPtr& list_ptr() const { return std::get<ListPtr>(data_); }
  const Dict& dict() const { return *std::get<DictPtr>(data_); }
  Object& object() const { return *std::get<Object*>(data_); }
  const void* identity() const;  // for `is sameas`; null for values without one
  std::string undefined_message() const;

  bool truthy() const;
  uint32_t depth() const;
  std::string_view type_name() const;  // as Python's type(x).__name__

 private:
  // In the order of Kind.
  std::variant<UndefinedInfo, NoneTag, bool, int64_t, double, BigInt, StringPtr, ListPtr, DictPtr,
               Object*>
      data_;
};

// An insertion-ordered dictionary, as Python's. Changed only while it is being built.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  Dict() = default;
  Dict(Dict&& other) noexcept;
  Dict& operator=(Dict&&) = delete;
  ~Dict();

  // Replaces the value of an equal key, which keeps its place. Precondition: hashable(key).
  void set(Value key, Value value, Work& work);
  void set(std::string_view key, Value value);
  const Value* find(const Value& key, Work& work) const;  // null: no such key
  const Value* find(std::string_view key) const;
  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  uint32_t depth() const { return depth_; }
  void set_meter(MemoryMeter* meter);

 private:
  static constexpr size_t kIndexedFrom = 12;  // smaller ones are searched in order
  static constexpr size_t kFirstSlots = 64;
  template <class Equal>
  size_t locate(uint64_t hash, Equal equal) const;
  void append(uint64_t hash, Value key, Value value);
  void rebuild_index(size_t slots);

  std::vector<Entry> entries_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> slots_;  // open addressing: entry + 1, 0 = free; a power of two or empty
  uint32_t depth_ = 1;
  MemoryMeter* meter_ = nullptr;
};

// False for lists and dicts, and tuples that hold one.
bool hashable(const Value& value, Work& work);
uint64_t hash_value(const Value& value, Work& work);
bool equal(const Value& a, const Value& b, Work& work);
// -1, 0, 1; sets `comparable` to false where Python raises TypeError.
int compare(const Value& a, const Value& b, Work& work, bool& comparable);

// Characters that no escape touches, whatever Python would do: they are put into texts before a
// render and taken out behind it. 0: none.
struct Marks {
  char32_t open = 0, close = 0, spare = 0;
  bool has(char32_t c) const { return c != 0 && (c == open || c == close || c == spare); }
};

// str(value) and repr(value), cut off at `limit` bytes (the result is then longer than `limit`).
std::string to_text(const Value& value, size_t limit, Marks marks = {});
std::string to_repr(const Value& value, size_t limit, Marks marks = {});
std::string float_repr(double value);
void append_string_repr(std::string& out, std::string_view text, Marks marks = {});

}  // namespace etb::prompt
