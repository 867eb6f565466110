// A conversation's state on disk: the ids it was fed, their KV rows, and what the app wants to find
// again beside them. Written once, whole or not at all; read as a mapping, rows straight from it.
//
// The format, little-endian, offsets in bytes:
//    0  "ETBROWS\n"
//    8  u32 version (kSessionVersion)      12  u32 0
//   16  u64 XXH3-64 of bytes [24, rows offset)
//   24  u64 model key                      32  u32 KV type
//   36  u32 context it was written at (for people)
//   40  u32 from   44  u32 to   48  u32 floor: of the rows, as in kv/rows.h
//   52  u32 parts of the row layout        56  u32 bytes of the model's name   60  u32 0
//   64  u64 payload bytes                  72  u64 rows offset, a multiple of kRowsAlign
//   80  u64 rows bytes                     88  u64 XXH3-64 of the rows
//   96  parts {u32 window, u32 0, u64 bytes}; u32 ids of positions [0, to); payload; name; zeros
//  rows offset: the packed rows [from, to), to the end of the file
// `from` is 0 in a conversation's file; the prefix store writes parts of a conversation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "kv/rows.h"
#include "platform/atomic_file.h"
#include "platform/mapped_file.h"

namespace etb::kv {

inline constexpr uint32_t kSessionVersion = 1;
inline constexpr uint64_t kRowsAlign = 4096;

// What is written, rows apart. Borrowed during the call.
struct SessionContent {
  ModelTag model;
  uint32_t context = 0;
  uint32_t from = 0;
  uint32_t floor = 0;                  // of rows [from, ids.size())
  std::span<const TokenId> ids{};      // of positions [0, to)
  std::span<const uint8_t> payload{};  // opaque; at most kMaxPayload
  bool durable = true;                 // false: may be lost or damaged by a power cut, but is quick
};
inline constexpr uint64_t kMaxPayload = uint64_t{1} << 30;

// Rows [from, to), e.g. Sequence::copy_rows: asked for in order, few at a time, so that what is
// written never lies in memory twice.
using RowCopier = std::function<Result<Rows>(uint32_t from, uint32_t to)>;

// Replaces the file at `path` (readable to its owner alone: it holds what people said), which stays
// as it was on any error: a full disk, the copier's own
// (returned as it is), InvalidArgument for content out of the format's limits.
Status write_session(const std::string& path, const SessionContent& content, const RowCopier& copy,
                     DiskFaults faults = {});
// The same with rows that are at hand: [content.from, content.ids.size()).
Status write_session(const std::string& path, const SessionContent& content, const RowsView& rows,
                     DiskFaults faults = {});
// What either will write. InvalidArgument as they.
Result<uint64_t> session_bytes(const SessionContent& content);

class SessionFile {
 public:
  // Everything but the rows has been checked then. Corrupt names the part that is damaged;
  // Unsupported: of another format version; NotFound, ... as MappedFile::open.
  static Result<std::shared_ptr<const SessionFile>> open(const std::string& path);
  // The same over bytes that outlive the object; `name` stands in messages.
  static Result<SessionFile> parse(std::span<const uint8_t> bytes, const std::string& name);

  // InvalidArgument names both models, or both KV types, if the file is not of `model`; Corrupt if
  // it claims to be but its rows are shaped otherwise.
  Status check_model(const ModelTag& model) const;

  const ModelTag& model() const { return model_; }
  uint32_t context() const { return context_; }
  uint32_t from() const { return rows_.from; }
  uint32_t to() const { return rows_.to; }
  uint32_t floor() const { return rows_.floor; }
  std::span<const TokenId> ids() const { return ids_; }  // of positions [0, to)
  std::span<const uint8_t> payload() const { return payload_; }
  // Reads all rows once, to check them: Corrupt. Valid as long as the file.
  Result<RowsView> rows() const;

 private:
  SessionFile() = default;

  std::shared_ptr<const MappedFile> file_;  // null: over bytes of the caller
  std::string name_;
  ModelTag model_;
  uint32_t context_ = 0;
  std::vector<TokenId> ids_;
  std::span<const uint8_t> payload_;
  RowsView rows_;  // without ids
  uint64_t rows_checksum_ = 0;
};

}  // namespace etb::kv
