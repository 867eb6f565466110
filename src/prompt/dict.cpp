// Dict: entries in insertion order, with an open-addressing index beside them once there are many.
#include <algorithm>
#include <functional>

#include "prompt/value.h"

namespace etb::prompt {
namespace {

constexpr size_t kNowhere = SIZE_MAX;

uint64_t hash_text(std::string_view text) {
  return std::hash<std::string_view>{}(text);
}

size_t metered_bytes(size_t entries) {
  return sizeof(Dict) + entries * (sizeof(Dict::Entry) + sizeof(uint64_t) + 2 * sizeof(uint32_t));
}

}  // namespace

Dict::Dict(Dict&& other) noexcept
    : entries_(std::move(other.entries_)),
      hashes_(std::move(other.hashes_)),
      slots_(std::move(other.slots_)),
      depth_(other.depth_),
      meter_(std::exchange(other.meter_, nullptr)) {}

Dict::~Dict() {
  if (meter_) meter_->live -= metered_bytes(entries_.size());
}

// Called once, when the dictionary is complete.
void Dict::set_meter(MemoryMeter* meter) {
  meter_ = meter;
  if (meter_) meter_->live += metered_bytes(entries_.size());
}

template <class Equal>
size_t Dict::locate(uint64_t hash, Equal equal) const {
  if (slots_.empty()) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (hashes_[i] == hash && equal(entries_[i].first)) return i;
    }
    return kNowhere;
  }
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const size_t entry = slots_[at] - 1;
    if (hashes_[entry] == hash && equal(entries_[entry].first)) return entry;
  }
  return kNowhere;
}

void Dict::rebuild_index(size_t slots) {
  slots_.assign(slots, 0);
  const size_t mask = slots - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t at = hashes_[i] & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = static_cast<uint32_t>(i + 1);
  }
}

void Dict::append(uint64_t hash, Value key, Value value) {
  depth_ = std::max({depth_, key.depth() + 1, value.depth() + 1});
  entries_.emplace_back(std::move(key), std::move(value));
  hashes_.push_back(hash);
  if (entries_.size() < kIndexedFrom) return;
  if (slots_.size() < entries_.size() * 2) {
    rebuild_index(std::max(slots_.size() * 2, kFirstSlots));
    return;
  }
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  while (slots_[at] != 0) at = (at + 1) & mask;
  slots_[at] = static_cast<uint32_t>(entries_.size());
}

void Dict::set(Value key, Value value, Work& work) {
  const uint64_t hash = hash_value(key, work);
  const size_t at = locate(hash, [&](const Value& k) { return equal(k, key, work); });
  if (at == kNowhere) return append(hash, std::move(key), std::move(value));
  depth_ = std::max(depth_, value.depth() + 1);
  entries_[at].second = std::move(value);
}

void Dict::set(std::string_view key, Value value) {
  const uint64_t hash = hash_text(key);
  const size_t at =
      locate(hash, [key](const Value& k) { return k.is_string() && k.text() == key; });
  if (at == kNowhere) return append(hash, Value(key), std::move(value));
  depth_ = std::max(depth_, value.depth() + 1);
  entries_[at].second = std::move(value);
}

const Value* Dict::find(const Value& key, Work& work) const {
  const uint64_t hash = hash_value(key, work);
  const size_t at = locate(hash, [&](const Value& k) { return equal(k, key, work); });
  return at == kNowhere ? nullptr : &entries_[at].second;
}

const Value* Dict::find(std::string_view key) const {
  const size_t at =
      locate(hash_text(key), [key](const Value& k) { return k.is_string() && k.text() == key; });
  return at == kNowhere ? nullptr : &entries_[at].second;
}

uint64_t hash_value(const Value& value, Work& work) {
  const auto mix = [](uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
  };
  if (!work.spend(1)) return 0;
  switch (value.kind()) {
    case Kind::String:
      return hash_text(value.text());
    case Kind::BigInt:
      return hash_text(value.big_digits());
    case Kind::Bool:
    case Kind::Int:
      return mix(static_cast<uint64_t>(value.integer()));
    case Kind::Float: {
      // Equal to an integer: must hash as one.
      const double d = value.number();
      if (d >= -9.2e18 && d <= 9.2e18 && d == static_cast<double>(static_cast<int64_t>(d))) {
        return mix(static_cast<uint64_t>(static_cast<int64_t>(d)));
      }
      return mix(std::hash<double>{}(d));
    }
    case Kind::List: {
      uint64_t hash = 0x9E3779B97F4A7C15ULL;
      for (const Value& item : value.items()) hash = mix(hash ^ hash_value(item, work));
      return hash;
    }
    case Kind::Object:
      return mix(reinterpret_cast<uintptr_t>(value.identity()));
    default:
      return static_cast<uint64_t>(value.kind());
  }
}

bool hashable(const Value& value, Work& work) {
  if (!work.spend(1)) return false;
  if (value.is_dict()) return false;
  if (!value.is_list()) return true;
  if (value.is_form(ListForm::Range) || value.is_form(ListForm::Iterator)) return true;
  if (!value.is_form(ListForm::Tuple)) return false;
  return std::all_of(value.items().begin(), value.items().end(),
                     [&work](const Value& item) { return hashable(item, work); });
}

}  // namespace etb::prompt
