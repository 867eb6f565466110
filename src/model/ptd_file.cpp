// Header "FH01", FlatBuffer "FT01" (schema/flat_tensor.fbs of ExecuTorch 1.5), segments.
#include "model/ptd_file.h"

#include <algorithm>

#include "base/text.h"
#include "model/flat_reader.h"

namespace etb::model {
namespace {

constexpr size_t kHeaderAt = 8;  // "FH01", u32 length, u64 each: begin and size of the FlatBuffer's
                                 // rest, segments' begin and size
constexpr uint32_t kHeaderLength = 40;
constexpr size_t kLeastBytes = 64;
constexpr size_t kMostDims = 16;

enum Root { kVersion, kSegments, kNamedData };
enum Segment { kOffset, kSize };
enum Named { kKey, kSegment, kLayout };
enum Layout { kType, kSizes, kOrder };

Status corrupt(std::string message) {
  return Status(StatusCode::Corrupt, std::move(message));
}

struct Header {
  uint64_t flat_begin = 0, flat_size = 0, data_begin = 0, data_size = 0;
};

std::string_view four_bytes(Bytes bytes, size_t at) {
  return {reinterpret_cast<const char*>(bytes.data()) + at, 4};
}

Result<Header> parse_header(Bytes bytes) {
  if (bytes.size() < kLeastBytes || four_bytes(bytes, 4) != "FT01" ||
      four_bytes(bytes, kHeaderAt) != "FH01") {
    return corrupt("no .ptd: its identifier is missing; check which file this is");
  }
  uint32_t length = 0;
  Header header;
  read_scalar(bytes, kHeaderAt + 4, length);
  read_scalar(bytes, kHeaderAt + 8, header.flat_begin);
  read_scalar(bytes, kHeaderAt + 16, header.flat_size);
  read_scalar(bytes, kHeaderAt + 24, header.data_begin);
  read_scalar(bytes, kHeaderAt + 32, header.data_size);
  const auto inside = [&bytes](uint64_t begin, uint64_t size) {
    return begin <= bytes.size() && size <= bytes.size() - begin;
  };
  if (length < kHeaderLength || !inside(header.flat_begin, header.flat_size) ||
      !inside(header.data_begin, header.data_size)) {
    return corrupt("it is cut short or damaged; get it again");
  }
  return header;
}

// Overflow-free: stops at more than `most`.
std::optional<uint64_t> bytes_of(const TensorLayout& layout, uint64_t most) {
  uint64_t bytes = scalar_bytes(layout.type);
  for (const int32_t size : layout.sizes) {
    if (size == 0) return 0;
    if (size < 0 || bytes > most / static_cast<uint64_t>(size)) return std::nullopt;
    bytes *= static_cast<uint64_t>(size);
  }
  return bytes;
}

bool is_permutation_of_dims(const std::vector<uint8_t>& order, size_t dims) {
  if (order.size() != dims) return false;
  std::vector<bool> seen(dims);
  for (const uint8_t dim : order) {
    if (dim >= dims || seen[dim]) return false;
    seen[dim] = true;
  }
  return true;
}

Result<TensorLayout> read_layout(const FlatTable& table, uint64_t bytes) {
  TensorLayout layout;
  layout.type = static_cast<ScalarType>(table.get<int8_t>(kType));
  const FlatVector sizes = table.vector(kSizes, 4);
  const FlatVector order = table.vector(kOrder, 1);
  if (scalar_bytes(layout.type) == 0 || sizes.size() > kMostDims || order.size() > kMostDims) {
    return corrupt("is of an unknown type or has too many dimensions");
  }
  for (size_t i = 0; i < sizes.size(); ++i) layout.sizes.push_back(sizes.get<int32_t>(i));
  for (size_t i = 0; i < order.size(); ++i) layout.order.push_back(order.get<uint8_t>(i));
  if (!is_permutation_of_dims(layout.order, layout.sizes.size())) {
    return corrupt("has an impossible order of dimensions");
  }
  if (bytes_of(layout, bytes) != bytes) return corrupt("is not as large as its shape");
  return layout;
}

}  // namespace

Result<PtdFile> PtdFile::open(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  return from(std::move(file));
}

Result<PtdFile> PtdFile::from(std::shared_ptr<const MappedFile> file) {
  Result<PtdFile> parsed = parse(file->bytes(), file->path());
  if (parsed.ok()) parsed->mapping_ = std::move(file);
  return parsed;
}

Result<PtdFile> PtdFile::parse(Bytes bytes, std::string name) {
  PtdFile file(bytes, std::move(name));
  const Status status = file.read();
  if (!status.ok()) return status.with_context(concat("'", file.name_, "'"));
  return file;
}

Status PtdFile::read() {
  ETB_ASSIGN_OR_RETURN(const Header header, parse_header(bytes_));
  // Its offsets count from the file's first byte: header and padding were put into its midst.
  const Bytes flat = bytes_.first(header.flat_begin + header.flat_size);
  const Bytes segment_bytes = bytes_.subspan(header.data_begin, header.data_size);
  uint32_t root_at = 0;
  read_scalar(flat, 0, root_at);
  const FlatTable root(flat, root_at);
  if (!root.exists()) return corrupt("its table of contents is damaged; get it again");
  if (root.get<uint32_t>(kVersion) != 0) {
    return {StatusCode::Unsupported, "its version is newer than ExecuTorch 1.5 writes"};
  }
  const FlatVector segments = root.tables(kSegments);
  const FlatVector named = root.tables(kNamedData);
  uint64_t key_bytes = 0;
  for (size_t i = 0; i < named.size(); ++i) {
    const FlatTable entry = named.table(i);
    ExternalData data{.key = std::string(entry.string(kKey)), .bytes = {}, .layout = {}};
    const uint32_t index = entry.get<uint32_t>(kSegment);
    key_bytes += data.key.size();
    if (key_bytes > flat.size()) return corrupt("its entries share the bytes of their names");
    if (data.key.empty() || index >= segments.size()) {
      return corrupt(concat("entry ", i, " ('", data.key, "') lacks its name or its data"));
    }
    const uint64_t offset = segments.table(index).get<uint64_t>(kOffset);
    const uint64_t size = segments.table(index).get<uint64_t>(kSize);
    if (offset > segment_bytes.size() || size > segment_bytes.size() - offset) {
      return corrupt(concat("the data of '", data.key,
                            "' ends beyond the file: it is cut short or damaged; get it again"));
    }
    data.bytes = segment_bytes.subspan(offset, size);
    if (entry.has(kLayout)) {
      auto layout = read_layout(entry.table(kLayout), size);
      if (!layout.ok()) return layout.status().with_context(concat("'", data.key, "'"));
      data.layout = std::move(layout).value();
    }
    data_.push_back(std::move(data));
  }
  std::ranges::sort(data_, {}, &ExternalData::key);
  const auto twice = std::ranges::adjacent_find(data_, {}, &ExternalData::key);
  if (twice == data_.end()) return {};
  return corrupt(concat("it has two entries named '", twice->key, "'"));
}

const ExternalData* PtdFile::find(std::string_view key) const {
  const auto found = std::ranges::lower_bound(data_, key, {}, &ExternalData::key);
  return found != data_.end() && found->key == key ? &*found : nullptr;
}

}  // namespace etb::model
