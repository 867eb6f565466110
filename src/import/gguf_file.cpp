// The GGUF parser: one forward pass over header, metadata and tensor table with a cursor that
// cannot leave the file.
#include "import/gguf_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace etb::import {
namespace {

// Far above any real file (about 50 keys, 2,000 tensors), far below what would hurt.
constexpr uint64_t kMaxKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 16;
constexpr uint64_t kMaxNameBytes = 1 << 12;
constexpr uint64_t kMaxAlignment = 1 << 20;
constexpr int kMaxArrayDepth = 4;

size_t scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool:
      return 1;
    case GgufType::U16:
    case GgufType::I16:
      return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32:
      return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64:
      return 8;
    case GgufType::String:
    case GgufType::Array:
      return 0;
  }
  return 0;
}

template <class T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// Whatever scalar integer type stands at `at`, as a signed number; u64 beyond that: nullopt.
std::optional<int64_t> load_integer(GgufType type, const uint8_t* at) {
  switch (type) {
    case GgufType::U8:
      return load<uint8_t>(at);
    case GgufType::I8:
      return load<int8_t>(at);
    case GgufType::U16:
      return load<uint16_t>(at);
    case GgufType::I16:
      return load<int16_t>(at);
    case GgufType::U32:
      return load<uint32_t>(at);
    case GgufType::I32:
      return load<int32_t>(at);
    case GgufType::I64:
      return load<int64_t>(at);
    case GgufType::U64: {
      const auto value = load<uint64_t>(at);
      if (value > INT64_MAX) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::string quoted(std::string_view name) {
  std::string out = "'";
  for (const char c : name.substr(0, 128)) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    out += plain ? c : '?';
  }
  return out += name.size() > 128 ? "...'" : "'";
}

// Reads forward and never past the end; ok() turns false for good at the first read that would.
class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  uint64_t position() const { return position_; }
  uint64_t left() const { return bytes_.size() - position_; }

  std::span<const uint8_t> take(uint64_t count) {
    if (!ok_ || count > left()) {
      ok_ = false;
      return {};
    }
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  template <class T>
  T number() {
    const auto bytes = take(sizeof(T));
    return ok_ ? load<T>(bytes.data()) : T{};
  }
  std::string_view string() {
    const auto length = number<uint64_t>();
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const uint8_t> bytes_;
  uint64_t position_ = 0;
  bool ok_ = true;
};

}  // namespace

class GgufParser {
 public:
  GgufParser(std::span<const uint8_t> bytes, std::string_view name) : cursor_(bytes) {
    file_.bytes_ = bytes;
    file_.name_ = name;
  }

  Result<GgufFile> parse() {
    ETB_RETURN_IF_ERROR(read_header());
    ETB_RETURN_IF_ERROR(read_values());
    ETB_RETURN_IF_ERROR(find_alignment());
    ETB_RETURN_IF_ERROR(read_tensors());
    ETB_RETURN_IF_ERROR(check_overlap());
    return std::move(file_);
  }

 private:
  template <class... Pieces>
  Status corrupt(const Pieces&... pieces) const {
    return Status(StatusCode::Corrupt, concat(file_.name_, ": ", pieces...));
  }
  Status truncated(std::string_view what) const {
    return corrupt("the file ends inside ", what, ": it is truncated or damaged");
  }

  Status read_header() {
    const auto magic = cursor_.take(4);
    if (!cursor_.ok() || std::memcmp(magic.data(), "GGUF", 4) != 0) {
      return corrupt("this is no GGUF file (it does not start with 'GGUF')");
    }
    file_.version_ = cursor_.number<uint32_t>();
    tensor_count_ = cursor_.number<uint64_t>();
    key_count_ = cursor_.number<uint64_t>();
    if (!cursor_.ok()) return truncated("its header");
    if ((file_.version_ & 0xffffu) == 0 && file_.version_ != 0) {
      return Status(StatusCode::Unsupported,
                    concat(file_.name_, ": the file is big-endian; use a little-endian one"));
    }
    if (file_.version_ != 2 && file_.version_ != 3) {
      return Status(StatusCode::Unsupported,
                    concat(file_.name_, ": GGUF version ", file_.version_,
                           " is not known (2 and 3 are); convert the model again"));
    }
    if (key_count_ > kMaxKeys) return corrupt(key_count_, " metadata keys are too many");
    if (tensor_count_ > kMaxTensors) return corrupt(tensor_count_, " tensors are too many");
    return {};
  }

  Status read_values() {
    file_.values_.reserve(std::min<uint64_t>(key_count_, cursor_.left() / 13));
    for (uint64_t i = 0; i < key_count_; ++i) {
      GgufValue value;
      value.key = cursor_.string();
      value.type = static_cast<GgufType>(cursor_.number<uint32_t>());
      if (!cursor_.ok()) return truncated(concat("metadata key ", i));
      if (value.key.size() > kMaxNameBytes) return corrupt("metadata key ", i, " is too long");
      ETB_RETURN_IF_ERROR(read_payload(value));
      if (!file_.value_index_.emplace(value.key, file_.values_.size()).second) {
        return corrupt("metadata key ", quoted(value.key), " occurs twice");
      }
      file_.values_.push_back(value);
    }
    return {};
  }

  Status read_payload(GgufValue& value) {
    if (value.type == GgufType::Array) {
      value.element = static_cast<GgufType>(cursor_.number<uint32_t>());
      value.count = cursor_.number<uint64_t>();
      if (!cursor_.ok()) return truncated(concat("metadata ", quoted(value.key)));
    }
    const uint64_t start = cursor_.position();
    const GgufType type = value.type == GgufType::Array ? value.element : value.type;
    ETB_RETURN_IF_ERROR(skip_elements(value.key, type, value.count, 0));
    value.payload = file_.bytes_.subspan(start, cursor_.position() - start);
    return {};
  }

  // Moves over `count` elements, checking every length inside them.
  Status skip_elements(std::string_view key, GgufType type, uint64_t count, int depth) {
    if (const size_t size = scalar_bytes(type); size != 0) {
      if (count > cursor_.left() / size) return truncated(concat("metadata ", quoted(key)));
      cursor_.take(count * size);
      return {};
    }
    const bool is_array = type == GgufType::Array;
    if ((!is_array && type != GgufType::String) || depth >= kMaxArrayDepth) {
      return corrupt("metadata ", quoted(key), " has the unknown type ",
                     static_cast<uint32_t>(type));
    }
    if (count > cursor_.left() / 8) return truncated(concat("metadata ", quoted(key)));
    for (uint64_t i = 0; i < count; ++i) {
      if (is_array) {
        const auto element = static_cast<GgufType>(cursor_.number<uint32_t>());
        const auto inner = cursor_.number<uint64_t>();
        if (!cursor_.ok()) return truncated(concat("metadata ", quoted(key)));
        ETB_RETURN_IF_ERROR(skip_elements(key, element, inner, depth + 1));
      } else {
        cursor_.string();
        if (!cursor_.ok()) return truncated(concat("metadata ", quoted(key)));
      }
    }
    return {};
  }

  Status find_alignment() {
    ETB_ASSIGN_OR_RETURN(const auto alignment, file_.get_uint("general.alignment"));
    alignment_ = alignment.value_or(32);
    if (!std::has_single_bit(alignment_) || alignment_ > kMaxAlignment) {
      return corrupt("general.alignment is ", alignment_, ", not a small power of two");
    }
    return {};
  }

  Status read_tensors() {
    struct Entry {
      GgufTensor tensor;
      uint64_t offset;
      uint64_t bytes;
    };
    std::vector<Entry> entries;
    for (uint64_t i = 0; i < tensor_count_; ++i) {
      Entry entry{};
      ETB_RETURN_IF_ERROR(read_tensor(i, entry.tensor, entry.offset, entry.bytes));
      entries.push_back(entry);
    }
    // The data starts at the next aligned byte; a file without tensors may end before it.
    const uint64_t start = (cursor_.position() + alignment_ - 1) / alignment_ * alignment_;
    const uint64_t size = file_.bytes_.size();
    file_.data_start_ = std::min(start, size);
    const uint64_t room = size - file_.data_start_;
    for (Entry& entry : entries) {
      if (start > size || entry.offset > room || entry.bytes > room - entry.offset) {
        return corrupt("tensor ", quoted(entry.tensor.name), " ends beyond the file (", entry.bytes,
                       " bytes at ", entry.offset, ", the file has ", room,
                       "): it is truncated or damaged");
      }
      entry.tensor.bytes = file_.bytes_.subspan(start + entry.offset, entry.bytes);
      file_.tensor_index_.emplace(entry.tensor.name, file_.tensors_.size());
      file_.tensors_.push_back(entry.tensor);
    }
    return {};
  }

  Status read_tensor(uint64_t index, GgufTensor& tensor, uint64_t& offset, uint64_t& bytes) {
    tensor.name = cursor_.string();
    tensor.dims = cursor_.number<uint32_t>();
    if (!cursor_.ok()) return truncated(concat("the entry of tensor ", index));
    if (tensor.name.empty() || tensor.name.size() > kMaxNameBytes) {
      return corrupt("tensor ", index, " has no readable name");
    }
    if (tensor.dims == 0 || tensor.dims > 4) {
      return corrupt("tensor ", quoted(tensor.name), " has ", tensor.dims, " dimensions");
    }
    tensor.cols = cursor_.number<uint64_t>();
    tensor.rows = 1;
    bool overflow = tensor.cols == 0;
    for (uint32_t d = 1; d < tensor.dims; ++d) {
      const auto dim = cursor_.number<uint64_t>();
      overflow |= dim == 0 || __builtin_mul_overflow(tensor.rows, dim, &tensor.rows);
    }
    const auto type = cursor_.number<uint32_t>();
    offset = cursor_.number<uint64_t>();
    if (!cursor_.ok()) return truncated(concat("the entry of tensor ", quoted(tensor.name)));
    if (!names_.emplace(tensor.name, index).second) {
      return corrupt("tensor ", quoted(tensor.name), " occurs twice");
    }
    const layout::BlockInfo* info = layout::block_info(type);
    if (info == nullptr) return unknown_type(tensor.name, type);
    tensor.type = info->type;
    uint64_t elements = 0;
    overflow |= __builtin_mul_overflow(tensor.rows, tensor.cols, &elements) ||
                elements > (uint64_t{1} << 48);
    if (overflow) return corrupt("tensor ", quoted(tensor.name), " has impossible dimensions");
    if (tensor.cols % info->elements != 0) {
      return corrupt("tensor ", quoted(tensor.name), ": its rows of ", tensor.cols,
                     " are not whole blocks of ", info->name);
    }
    bytes = elements / info->elements * info->bytes;
    return {};
  }

  Status unknown_type(std::string_view tensor, uint32_t type) const {
    std::string known;
    for (const layout::BlockInfo& info : layout::all_block_infos()) {
      known += concat(" ", info.name);
    }
    return Status(StatusCode::Unsupported,
                  concat(file_.name_, ": tensor ", quoted(tensor), " has the type ",
                         layout::ggml_type_name(type), " (", type,
                         "), which this version cannot read: use a file quantised to", known));
  }

  // Two tensors that share bytes are damage, and a way to make a small file expand without end.
  Status check_overlap() {
    std::vector<const GgufTensor*> sorted;
    for (const GgufTensor& tensor : file_.tensors_) sorted.push_back(&tensor);
    std::ranges::sort(sorted, {}, [](const GgufTensor* t) { return t->bytes.data(); });
    for (size_t i = 1; i < sorted.size(); ++i) {
      const auto& before = sorted[i - 1]->bytes;
      if (before.data() + before.size() > sorted[i]->bytes.data()) {
        return corrupt("tensors ", quoted(sorted[i - 1]->name), " and ", quoted(sorted[i]->name),
                       " overlap");
      }
    }
    return {};
  }

  GgufFile file_;
  Cursor cursor_;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
  uint64_t alignment_ = 32;
  std::unordered_map<std::string_view, uint64_t> names_;
};

Result<GgufFile> GgufFile::parse(std::span<const uint8_t> bytes, std::string_view name) {
  return GgufParser(bytes, name).parse();
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto at = value_index_.find(key);
  return at == value_index_.end() ? nullptr : &values_[at->second];
}

const GgufTensor* GgufFile::find_tensor(std::string_view tensor) const {
  const auto at = tensor_index_.find(tensor);
  return at == tensor_index_.end() ? nullptr : &tensors_[at->second];
}

Status GgufFile::wrong_type(const GgufValue& value, std::string_view wanted) const {
  return Status(StatusCode::Corrupt,
                concat(name_, ": metadata ", quoted(value.key), " is not ", wanted));
}

Result<std::optional<uint64_t>> GgufFile::get_uint(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::optional<uint64_t>();
  const std::optional<int64_t> number = load_integer(value->type, value->payload.data());
  if (!number || *number < 0) return wrong_type(*value, "a count");
  return std::optional<uint64_t>(static_cast<uint64_t>(*number));
}

Result<std::optional<double>> GgufFile::get_real(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::optional<double>();
  const uint8_t* at = value->payload.data();
  double number = std::nan("");
  if (value->type == GgufType::F32) number = load<float>(at);
  if (value->type == GgufType::F64) number = load<double>(at);
  if (const auto integer = load_integer(value->type, at)) number = static_cast<double>(*integer);
  if (!std::isfinite(number)) return wrong_type(*value, "a finite number");
  return std::optional<double>(number);
}

Result<std::optional<bool>> GgufFile::get_bool(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::optional<bool>();
  if (value->type != GgufType::Bool) return wrong_type(*value, "true or false");
  return std::optional<bool>(value->payload[0] != 0);
}

Result<std::optional<std::string_view>> GgufFile::get_string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::optional<std::string_view>();
  if (value->type != GgufType::String) return wrong_type(*value, "a text");
  Cursor cursor(value->payload);
  return std::optional<std::string_view>(cursor.string());
}

Result<std::optional<std::vector<std::string_view>>> GgufFile::get_strings(
    std::string_view key) const {
  using Strings = std::optional<std::vector<std::string_view>>;
  const GgufValue* value = find(key);
  if (value == nullptr) return Strings();
  if (value->type != GgufType::Array || value->element != GgufType::String) {
    return wrong_type(*value, "a list of texts");
  }
  std::vector<std::string_view> strings;
  strings.reserve(value->count);
  Cursor cursor(value->payload);
  for (uint64_t i = 0; i < value->count; ++i) strings.push_back(cursor.string());
  return Strings(std::move(strings));
}

Result<std::optional<std::vector<float>>> GgufFile::get_floats(std::string_view key) const {
  using Floats = std::optional<std::vector<float>>;
  const GgufValue* value = find(key);
  if (value == nullptr) return Floats();
  if (value->type != GgufType::Array || value->element != GgufType::F32) {
    return wrong_type(*value, "a list of f32");
  }
  std::vector<float> floats(value->count);
  if (!floats.empty()) std::memcpy(floats.data(), value->payload.data(), value->payload.size());
  return Floats(std::move(floats));
}

Result<std::optional<std::vector<int64_t>>> GgufFile::get_ints(std::string_view key) const {
  using Ints = std::optional<std::vector<int64_t>>;
  const GgufValue* value = find(key);
  if (value == nullptr) return Ints();
  const size_t size = value->type == GgufType::Array ? scalar_bytes(value->element) : 0;
  if (size == 0) return wrong_type(*value, "a list of integers");
  std::vector<int64_t> ints;
  ints.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) {
    const auto number = load_integer(value->element, value->payload.data() + i * size);
    if (!number) return wrong_type(*value, "a list of integers");
    ints.push_back(*number);
  }
  return Ints(std::move(ints));
}

}  // namespace etb::import
