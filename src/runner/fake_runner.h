// A scripted model for tests of what drives a runner: tokens in, logits out, no weights. It keeps
// the Sequence contract to the letter (chunks, position, ContextFull, cancel, rewind), counts what
// it was asked, and can be told to fail. Its KV rows are the ids alone: no bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runner/text_runner.h"

namespace etb::runner {

// Everything fed so far -> the logits after it (vocab_size floats; shorter is padded with 0).
using FakeScript = std::function<std::vector<float>(std::span<const TokenId> history)>;

// Logits whose largest is at `id`.
std::vector<float> one_hot(TokenId id, size_t vocab_size);
// A model that says `reply`, one token a step, once `prompt_size` ids have been fed; `end` for ever
// after.
FakeScript scripted_reply(size_t prompt_size, std::vector<TokenId> reply, TokenId end,
                          size_t vocab_size);

struct FakeModel {
  uint32_t vocab_size = 64;
  uint32_t context = 256;
  uint32_t chunk = 8;
  bool has_forward_all = true;
  FakeScript script{};  // empty: the last id plus one, modulo the vocabulary
  std::function<Status(uint32_t position)>
      before_chunk{};      // may fail, block or cancel; may be empty
  uint64_t model_key = 1;  // 0: its rows are out of reach, as a stock file's
  std::string model_name = "fake";
  model::MediaMethods media{};  // its images and sounds are rows of one zero byte
};

// What the sequences of a runner did, added up.
struct FakeCounts {
  uint64_t sequences = 0;
  uint64_t calls = 0;          // forward and forward_all
  uint64_t chunks = 0;         // that ran whole
  uint64_t ids = 0;            // in them
  uint64_t encoded = 0;        // images and sounds
  uint64_t rows_copied = 0;    // out of sequences
  uint64_t rows_appended = 0;  // to them, from rows or another sequence
};

class FakeRunner final : public TextRunner, public std::enable_shared_from_this<FakeRunner> {
 public:
  static std::shared_ptr<FakeRunner> make(FakeModel model);

  const RunnerMeta& meta() const override { return meta_; }
  Result<std::unique_ptr<Sequence>> new_sequence() override;
  Result<std::shared_ptr<const Embeddings>> encode(const media::Media& media,
                                                   const CancelToken* cancel) override;
  void set_threads(unsigned threads) override { meta_.threads = threads; }
  const FakeModel& model() const { return model_; }
  FakeCounts& counts() { return counts_; }

 private:
  explicit FakeRunner(FakeModel model);

  FakeModel model_;
  RunnerMeta meta_;
  FakeCounts counts_;
};

}  // namespace etb::runner
