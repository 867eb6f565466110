#include "kv/session_file.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "model/manifest.h"

namespace etb::kv {
namespace {

constexpr char kMagic[] = "ETBROWS\n";
constexpr size_t kChecked = 24;  // the head's checksum covers from here on
constexpr uint32_t kMaxPositions = 1U << 26;
constexpr size_t kMaxParts = 64;
constexpr uint64_t kMaxPartBytes = uint64_t{1} << 30;
constexpr size_t kMaxName = 256;
constexpr uint32_t kCopyPositions = 256;  // rows that lie in memory while a file is written

// As it lies in the file.
struct Header {
  char magic[8];
  uint32_t version;
  uint32_t zero;
  uint64_t head_checksum;
  uint64_t model_key;
  uint32_t kv_type;
  uint32_t context;
  uint32_t from;
  uint32_t to;
  uint32_t floor;
  uint32_t parts;
  uint32_t name_bytes;
  uint32_t zero_too;
  uint64_t payload_bytes;
  uint64_t rows_offset;
  uint64_t rows_bytes;
  uint64_t rows_checksum;
};
struct StoredPart {
  uint32_t window;
  uint32_t zero;
  uint64_t bytes;
};
static_assert(sizeof(Header) == 96 && offsetof(Header, model_key) == kChecked);
static_assert(sizeof(StoredPart) == 16);

// Where the parts of the head lie. Precondition: counts within their limits.
struct Places {
  uint64_t ids;
  uint64_t payload;
  uint64_t name;
  uint64_t end;
  uint64_t rows;

  explicit Places(const Header& header) {
    ids = sizeof(Header) + header.parts * sizeof(StoredPart);
    payload = ids + uint64_t{header.to} * sizeof(TokenId);
    name = payload + header.payload_bytes;
    end = name + header.name_bytes;
    rows = (end + kRowsAlign - 1) / kRowsAlign * kRowsAlign;
  }
};

template <class T>
std::span<const uint8_t> raw(const T* values, size_t count) {
  return {reinterpret_cast<const uint8_t*>(values), count * sizeof(T)};
}

void put(std::vector<uint8_t>& head, uint64_t at, std::span<const uint8_t> bytes) {
  std::copy(bytes.begin(), bytes.end(), head.begin() + static_cast<std::ptrdiff_t>(at));
}

bool sane_layout(const RowLayout& layout) {
  if (layout.parts.size() > kMaxParts) return false;
  for (size_t i = 0; i < layout.parts.size(); ++i) {
    const RowLayout::Part& part = layout.parts[i];
    if (part.bytes == 0 || part.bytes > kMaxPartBytes || part.window > kMaxPositions) return false;
    if (i > 0 && layout.parts[i - 1].window >= part.window) return false;
  }
  return true;
}

Result<Header> header_of(const SessionContent& content) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(header.magic));
  header.version = kSessionVersion;
  header.model_key = content.model.key;
  header.kv_type = static_cast<uint32_t>(content.model.type);
  header.context = content.context;
  header.from = content.from;
  header.floor = content.floor;
  if (content.ids.size() > kMaxPositions || content.from > content.ids.size() ||
      content.floor > kMaxPositions || content.payload.size() > kMaxPayload ||
      !sane_layout(content.model.layout)) {
    return Status(StatusCode::InvalidArgument,
                  concat("a session of ", content.ids.size(), " ids with ", content.payload.size(),
                         " bytes of conversation is beyond what a session file holds"));
  }
  header.to = static_cast<uint32_t>(content.ids.size());
  header.parts = static_cast<uint32_t>(content.model.layout.parts.size());
  header.name_bytes = static_cast<uint32_t>(std::min(content.model.name.size(), kMaxName));
  header.payload_bytes = content.payload.size();
  header.rows_offset = Places(header).rows;
  header.rows_bytes = content.model.layout.bytes(header.from, header.to, header.floor);
  return header;
}

// All bytes before the rows; the checksums are still missing.
std::vector<uint8_t> head_of(const Header& header, const SessionContent& content) {
  const Places places(header);
  std::vector<uint8_t> head(places.rows);
  put(head, 0, raw(&header, 1));
  uint64_t at = sizeof(Header);
  for (const RowLayout::Part& part : content.model.layout.parts) {
    const StoredPart stored{part.window, 0, part.bytes};
    put(head, at, raw(&stored, 1));
    at += sizeof(stored);
  }
  put(head, places.ids, raw(content.ids.data(), content.ids.size()));
  put(head, places.payload, content.payload);
  put(head, places.name, raw(content.model.name.data(), header.name_bytes));
  return head;
}

void seal(std::vector<uint8_t>& head, uint64_t rows_checksum) {
  put(head, offsetof(Header, rows_checksum), raw(&rows_checksum, 1));
  const uint64_t checksum = XXH3_64bits(head.data() + kChecked, head.size() - kChecked);
  put(head, offsetof(Header, head_checksum), raw(&checksum, 1));
}

// Writes rows and keeps their checksum.
class RowWriter {
 public:
  RowWriter(AtomicFile& file, const SessionContent& content) : file_(file), content_(content) {}

  // In order; the next are from rows.to on.
  Status write(const RowsView& rows, uint32_t from, uint32_t to) {
    const uint64_t wanted = content_.model.layout.bytes(from, to, content_.floor);
    if (rows.from != from || rows.to != to || rows.bytes.size() != wanted) {
      return {StatusCode::InvalidArgument, concat("rows ", from, " to ", to, " came with ",
                                                  rows.bytes.size(), " bytes instead of ", wanted)};
    }
    XXH3_64bits_update(state_.get(), rows.bytes.data(), rows.bytes.size());
    return file_.write(rows.bytes);
  }

  Status copy_all(const RowCopier& copy) {
    const auto end = static_cast<uint32_t>(content_.ids.size());
    for (uint32_t from = content_.from; from < end;) {
      const uint32_t to = std::min(end, (from / kCopyPositions + 1) * kCopyPositions);
      ETB_ASSIGN_OR_RETURN(const Rows rows, copy(from, to));
      ETB_RETURN_IF_ERROR(write(rows.view(), from, to));
      from = to;
    }
    return {};
  }

  Status start() {
    state_.reset(XXH3_createState());
    if (state_ == nullptr) return {StatusCode::OutOfMemory, "no memory for a checksum"};
    XXH3_64bits_reset(state_.get());
    return {};
  }
  uint64_t checksum() const { return XXH3_64bits_digest(state_.get()); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  AtomicFile& file_;
  const SessionContent& content_;
  std::unique_ptr<XXH3_state_t, Free> state_;
};

using WriteRows = std::function<Status(RowWriter&)>;

Status write_file(const std::string& path, const SessionContent& content,
                  const WriteRows& write_rows, DiskFaults faults) {
  ETB_ASSIGN_OR_RETURN(const Header header, header_of(content));
  std::vector<uint8_t> head = head_of(header, content);
  ETB_ASSIGN_OR_RETURN(AtomicFile file,
                       AtomicFile::create(path, std::move(faults), FileReaders::Owner));
  ETB_RETURN_IF_ERROR(file.write(head));
  RowWriter writer(file, content);
  ETB_RETURN_IF_ERROR(writer.start());
  ETB_RETURN_IF_ERROR(write_rows(writer));
  seal(head, writer.checksum());
  ETB_RETURN_IF_ERROR(file.write_at(0, head));
  return content.durable ? file.commit() : file.commit_unsynced();
}

Status corrupt(const std::string& name, std::string_view part, std::string_view what) {
  return {StatusCode::Corrupt, concat("session file '", name, "': ", part, " ", what)};
}

Status check_counts(const Header& h, const std::string& name) {
  if (h.zero != 0 || h.zero_too != 0) return corrupt(name, "header", "has bits no version sets");
  if (h.to > kMaxPositions || h.from > h.to || h.floor > kMaxPositions || h.parts > kMaxParts ||
      h.name_bytes > kMaxName || h.payload_bytes > kMaxPayload) {
    return corrupt(name, "header", "has counts beyond the format's limits");
  }
  if (h.rows_offset != Places(h).rows) {
    return corrupt(name, "header", "has a rows offset that does not follow from its counts");
  }
  return {};
}

Result<Header> read_header(std::span<const uint8_t> bytes, const std::string& name) {
  Header header;
  if (bytes.size() < sizeof(header)) return corrupt(name, "header", "is cut short");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(header.magic)) != 0) {
    return corrupt(name, "header", "is not that of a session file");
  }
  if (header.version != kSessionVersion) {
    return Status(StatusCode::Unsupported,
                  concat("session file '", name, "' has format version ", header.version,
                         ", this build reads ", kSessionVersion, ": start the session anew"));
  }
  ETB_RETURN_IF_ERROR(check_counts(header, name));
  if (bytes.size() < header.rows_offset) {
    return corrupt(name, "ids or conversation", "are cut short");
  }
  const auto head = bytes.first(static_cast<size_t>(header.rows_offset)).subspan(kChecked);
  if (XXH3_64bits(head.data(), head.size()) != header.head_checksum) {
    return corrupt(name, "header, ids or conversation", "do not match their checksum");
  }
  return header;
}

RowLayout read_layout(std::span<const uint8_t> bytes, uint32_t parts) {
  RowLayout layout;
  for (uint32_t i = 0; i < parts; ++i) {
    StoredPart part;
    std::memcpy(&part, bytes.data() + sizeof(Header) + i * sizeof(part), sizeof(part));
    layout.parts.push_back({part.window, part.bytes});
  }
  return layout;
}

// A name from a file goes into messages: one line, nothing that a terminal would obey.
std::string read_name(std::span<const uint8_t> bytes) {
  std::string name(bytes.begin(), bytes.end());
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return name;
}

}  // namespace

Status write_session(const std::string& path, const SessionContent& content, const RowCopier& copy,
                     DiskFaults faults) {
  return write_file(
      path, content, [&](RowWriter& writer) { return writer.copy_all(copy); }, std::move(faults));
}

Status write_session(const std::string& path, const SessionContent& content, const RowsView& rows,
                     DiskFaults faults) {
  const auto end = static_cast<uint32_t>(content.ids.size());
  return write_file(
      path, content, [&](RowWriter& writer) { return writer.write(rows, content.from, end); },
      std::move(faults));
}

Result<uint64_t> session_bytes(const SessionContent& content) {
  ETB_ASSIGN_OR_RETURN(const Header header, header_of(content));
  return header.rows_offset + header.rows_bytes;
}

Result<std::shared_ptr<const SessionFile>> SessionFile::open(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  ETB_ASSIGN_OR_RETURN(SessionFile session, parse(file->bytes(), path));
  session.file_ = file;
  return std::shared_ptr<const SessionFile>(
      std::make_shared<const SessionFile>(std::move(session)));
}

Result<SessionFile> SessionFile::parse(std::span<const uint8_t> bytes, const std::string& name) {
  ETB_ASSIGN_OR_RETURN(const Header header, read_header(bytes, name));
  const Places places(header);
  SessionFile session;
  session.name_ = name;
  session.model_.key = header.model_key;
  session.model_.type = static_cast<KvType>(header.kv_type);
  session.model_.layout = read_layout(bytes, header.parts);
  if (!sane_layout(session.model_.layout)) {
    return corrupt(name, "header", "has a row layout that no model has");
  }
  const uint64_t wanted = session.model_.layout.bytes(header.from, header.to, header.floor);
  if (header.rows_bytes != wanted || bytes.size() - header.rows_offset != wanted) {
    return corrupt(
        name, "rows",
        concat("have ", bytes.size() - header.rows_offset, " bytes instead of ", wanted));
  }
  session.model_.name = read_name(bytes.subspan(places.name, header.name_bytes));
  session.context_ = header.context;
  session.ids_.resize(header.to);
  if (header.to > 0) {
    std::memcpy(session.ids_.data(), bytes.data() + places.ids, header.to * sizeof(TokenId));
  }
  session.payload_ = bytes.subspan(places.payload, header.payload_bytes);
  session.rows_ = {header.from,
                   header.to,
                   header.floor,
                   header.model_key,
                   session.model_.type,
                   {},
                   bytes.subspan(header.rows_offset)};
  session.rows_checksum_ = header.rows_checksum;
  return session;
}

Status SessionFile::check_model(const ModelTag& model) const {
  if (model_.key != model.key) {
    return {StatusCode::InvalidArgument,
            concat("session file '", name_, "' is of model '", model_.name, "' (key ",
                   hex(model_.key), "), loaded is '", model.name, "' (key ", hex(model.key), ")")};
  }
  if (model_.type != model.type) {
    return {StatusCode::InvalidArgument,
            concat("session file '", name_, "' holds KV of type ", model::kv_type_name(model_.type),
                   ", loaded is ", model::kv_type_name(model.type))};
  }
  if (model_.layout == model.layout) return {};
  return corrupt(name_, "header", concat("claims to be of '", model.name, "' with other rows"));
}

Result<RowsView> SessionFile::rows() const {
  if (XXH3_64bits(rows_.bytes.data(), rows_.bytes.size()) != rows_checksum_) {
    return corrupt(name_, "rows", "do not match their checksum");
  }
  RowsView view = rows_;
  view.ids = std::span(ids_).subspan(rows_.from);
  return view;
}

}  // namespace etb::kv
