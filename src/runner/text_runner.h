// TextRunner: a loaded text model - program, mapped weights, kernels. Immutable after load and
// shared by its sequences, which keep it alive. Made, used and destroyed on the model thread.
//
//   auto runner = TextRunner::load({.file = file}, {});
//   auto sequence = (*runner)->new_sequence();
//   auto logits = (*sequence)->forward(ids, nullptr);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "kv/rows.h"
#include "media/recipe.h"
#include "model/media_methods.h"
#include "runner/backend_option.h"
#include "runner/model_source.h"
#include "runner/sequence.h"

namespace etb::runner {

struct RunnerOptions {
  unsigned threads = 0;           // 0: the machine's performance cores
  std::string kernel_path;        // empty: the best this machine has; else "scalar", "avx2", ...
  media::ImageRecipe image = {};  // how images are prepared for the encoder
  // Of a stock file; InvalidArgument if it has no part for the backend.
  std::vector<BackendOption> backend_options = {};
  std::string cache_folder = {};  // where XNNPACK's packed weights are kept; empty: nowhere
};

// What the program says of itself (metadata methods of the stock contract) and of its inputs.
struct RunnerMeta {
  uint32_t context = 0;     // positions a sequence holds
  uint32_t chunk = 0;       // ids one execution takes at most
  uint32_t vocab_size = 0;  // logits a position
  std::optional<TokenId> bos;
  std::vector<TokenId> eos;  // sorted; may be empty
  bool has_forward_all = false;
  size_t kv_bytes_per_token = 0;  // 0 if the program does not say
  size_t kv_arena_bytes = 0;      // reserved a sequence, committed as it is written
  size_t activation_bytes = 0;    // shared by all sequences
  model::MediaMethods media;      // without encoders for a model of text alone
  std::string kernel_path;        // that runs our operators
  unsigned threads = 0;
  // What KV rows depend on: weights, graph, KV type, kv::kRowsVersion; not the context length. 0:
  // the file keeps its state out of reach, rows can be neither copied nor kept.
  uint64_t model_key = 0;
  std::string model_name;  // for messages
  kv::KvType kv_type = kv::KvType::F16;
  kv::RowLayout row_layout{};

  kv::ModelTag model_tag() const { return {model_key, model_name, kv_type, row_layout}; }
};

class TextRunner {
 public:
  // Corrupt: the program breaks its own format. Unsupported: an operator or backend is missing, all
  // of them named, or the program is no text model of a known contract. OutOfMemory.
  static Result<std::shared_ptr<TextRunner>> load(ModelSource source, const RunnerOptions& options);

  virtual ~TextRunner() = default;
  TextRunner(const TextRunner&) = delete;
  TextRunner& operator=(const TextRunner&) = delete;

  virtual const RunnerMeta& meta() const = 0;
  // An empty sequence at position 0. OutOfMemory if its address space cannot be had.
  virtual Result<std::unique_ptr<Sequence>> new_sequence() = 0;
  // What the model's encoder makes of it. Unsupported: there is none for its kind, or it lacks an
  // operator or backend. InvalidArgument: sizes that the encoder does not take. Cancelled between
  // operators; a delegate is not interrupted.
  virtual Result<std::shared_ptr<const Embeddings>> encode(const media::Media& media,
                                                           const CancelToken* cancel);
  // Threads of the next forwards, at least 1 and no more than the machine has. The bits stay the
  // same.
  virtual void set_threads(unsigned threads) = 0;

 protected:
  TextRunner() = default;
};

}  // namespace etb::runner
