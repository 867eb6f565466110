// Sequence: one conversation's place in a model - KV memory and position. Ids in, logits out.
// Used only on the model thread; all sequences of a runner share its activation memory.
//
// State after a call: forward() and forward_all() feed ids in chunks, and the position moves chunk
// by chunk, only after a chunk has run whole. So after an error or a cancel the position stands at
// the end of the last whole chunk, everything below it is valid, and the sequence can go on from
// there; a file that keeps a state of unknown form (RunnerMeta::model_key is 0) stands at 0 then.
// Arguments are checked before anything runs: InvalidArgument and ContextFull change nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "base/token_id.h"
#include "kv/rows.h"

namespace etb::runner {

// Called once a position, in order; `index` counts from 0 over the ids of the call. The logits are
// valid during the call only. A status other than Ok ends the pass with that status.
using LogitsVisitor = std::function<Status(size_t index, std::span<const float> logits)>;

// What an encoder made of an image or a sound: a row for each of its positions, in the form that
// the model's decoder takes.
struct Embeddings {
  uint32_t positions = 0;
  size_t row_bytes = 0;
  std::vector<uint8_t> bytes;  // positions * row_bytes
};

struct KvUsage {
  size_t used_bytes = 0;       // rows below the position
  size_t committed_bytes = 0;  // pages that hold memory; >= used_bytes, rounded to pages
};

class Sequence {
 public:
  virtual ~Sequence() = default;
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  // Runs `ids` from position() on and returns the logits after the last of them: one float an entry
  // of the vocabulary, valid until the next call on any sequence of this runner. InvalidArgument:
  // no ids, or one beyond the vocabulary (named). ContextFull: no room for all. Cancelled: `cancel`
  // (may be null) was set before or during the run.
  virtual Result<std::span<const float>> forward(std::span<const TokenId> ids,
                                                 const CancelToken* cancel) = 0;

  // The same for positions that are no tokens: `rows` has an embedding for each, as those of
  // Embeddings are, and `ids` are what ids() will list for them (is_media_id()). Unsupported: the
  // model takes tokens alone.
  virtual Result<std::span<const float>> forward_embeddings(std::span<const TokenId> ids,
                                                            std::span<const uint8_t> rows,
                                                            const CancelToken* cancel);

  // As forward(), with the logits after each id. Unsupported if the model file cannot.
  virtual Status forward_all(std::span<const TokenId> ids, const CancelToken* cancel,
                             const LogitsVisitor& visit) = 0;

  virtual uint32_t position() const = 0;  // ids fed so far
  // They themselves, position() of them; positions of images and sounds have ids of their own.
  // Valid until the next call that is not const.
  virtual std::span<const TokenId> ids() const = 0;
  virtual uint32_t capacity() const = 0;  // ids that fit
  // The lowest position, but for 0, that rewind() accepts now: above 0 where a sliding window gave
  // rows back, position() where the file keeps a state of unknown form.
  virtual uint32_t rewind_floor() const = 0;
  // Forgets everything from `position` on. InvalidArgument outside [rewind_floor(), position()].
  // rewind(0) is always possible and gives the KV memory back to the system; a rewind by
  // kv::kTrimPositions or more gives back what lies beyond `position`.
  virtual Status rewind(uint32_t position) = 0;

  // Rows cross sequences bit by bit: a prefix copied in gives the logits of one that was run.
  //
  // The rows of positions [from, to) with their ids; what a sliding window has given back is left
  // out (kv/rows.h). InvalidArgument unless from <= to <= position(). Unsupported where the file
  // keeps its state out of reach (RunnerMeta::model_key is 0). OutOfMemory.
  virtual Result<kv::Rows> copy_rows(uint32_t from, uint32_t to) const = 0;
  // Takes rows.from == position() on; then position() == rows.to. The rows are copied. Nothing
  // changes on an error. InvalidArgument: they begin elsewhere, are of another model, KV type or
  // vocabulary. Corrupt: their parts do not belong together. ContextFull, Unsupported.
  // Rows whose floor lies beyond rows.to must be followed by more: until position() reaches
  // rewind_floor() forward() is an InvalidArgument.
  virtual Status append_rows(const kv::RowsView& rows) = 0;
  // Copies [position(), to) straight from another sequence of the same runner, whose ids begin with
  // all of ours (checked). InvalidArgument: they do not, or `to` is outside
  // [max(position(), other.rewind_floor()), other.position()]. Unsupported.
  virtual Status append_from(const Sequence& other, uint32_t to) = 0;

  virtual KvUsage kv_usage() const = 0;

 protected:
  Sequence() = default;
};

}  // namespace etb::runner
