// The wire format, straight from its description.
#include "support/gguf_writer.h"

namespace etb::test {
namespace {

using import::GgufType;

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void put_text(std::string& out, std::string_view text) {
  put(out, uint64_t{text.size()});
  out += text;
}

}  // namespace

void GgufWriter::begin_key(std::string_view key, GgufType type) {
  put_text(keys_, key);
  put(keys_, static_cast<uint32_t>(type));
  ++key_count_;
}

void GgufWriter::begin_array(std::string_view key, GgufType element, uint64_t count) {
  begin_key(key, GgufType::Array);
  put(keys_, static_cast<uint32_t>(element));
  put(keys_, count);
}

void GgufWriter::key_u32(std::string_view key, uint32_t value) {
  begin_key(key, GgufType::U32);
  put(keys_, value);
}

void GgufWriter::key_f32(std::string_view key, float value) {
  begin_key(key, GgufType::F32);
  put(keys_, value);
}

void GgufWriter::key_bool(std::string_view key, bool value) {
  begin_key(key, GgufType::Bool);
  put(keys_, static_cast<uint8_t>(value ? 1 : 0));
}

void GgufWriter::key_text(std::string_view key, std::string_view value) {
  begin_key(key, GgufType::String);
  put_text(keys_, value);
}

void GgufWriter::key_texts(std::string_view key, const std::vector<std::string>& values) {
  begin_array(key, GgufType::String, values.size());
  for (const std::string& value : values) put_text(keys_, value);
}

void GgufWriter::key_floats(std::string_view key, const std::vector<float>& values) {
  begin_array(key, GgufType::F32, values.size());
  for (const float value : values) put(keys_, value);
}

void GgufWriter::key_ints(std::string_view key, const std::vector<int32_t>& values) {
  begin_array(key, GgufType::I32, values.size());
  for (const int32_t value : values) put(keys_, value);
}

void GgufWriter::key_raw(std::string_view key, uint32_t type, std::string_view payload) {
  begin_key(key, static_cast<GgufType>(type));
  keys_ += payload;
}

void GgufWriter::tensor(std::string_view name, layout::GgmlType type,
                        const std::vector<uint64_t>& dims) {
  tensor_raw(name, static_cast<uint32_t>(type), dims, data_bytes_);
  uint64_t bytes = layout::row_bytes(type, dims.at(0));
  for (size_t d = 1; d < dims.size(); ++d) bytes *= dims[d];
  data_bytes_ += (bytes + 31) / 32 * 32;
}

void GgufWriter::tensor_raw(std::string_view name, uint32_t type, const std::vector<uint64_t>& dims,
                            uint64_t offset) {
  put_text(table_, name);
  put(table_, static_cast<uint32_t>(dims.size()));
  for (const uint64_t dim : dims) put(table_, dim);
  put(table_, type);
  put(table_, offset);
  ++tensor_count_;
}

std::string GgufWriter::header(uint32_t version, uint64_t alignment) const {
  std::string out = "GGUF";
  put(out, version);
  put(out, tensor_count_);
  put(out, key_count_);
  out += keys_;
  out += table_;
  out.resize((out.size() + alignment - 1) / alignment * alignment);
  return out;
}

}  // namespace etb::test
