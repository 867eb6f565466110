// A language model of one operator, exact by construction, as a .pte the real runtime loads: it
// writes each token into its KV memory at its position and gives logits that depend on every token
// before. So a test can say what any position's logits must be, and sees each way in which a runner
// may feed it wrongly: order, position, chunk, memory of another sequence, a rewind.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/token_id.h"
#include "platform/mapped_file.h"
#include "runner/executorch_runner.h"
#include "runner/testing/tiny_pte.h"

namespace etb::runner::testing {

struct TinyModel {
  uint32_t vocab = 50;
  uint32_t context = 64;
  uint32_t chunk = 8;
  bool forward_all = true;
  // 2 x this many bytes of weights that nothing reads.
  size_t ballast_bytes = 0;
  // Its cache lies in memory as that of our own files, and a manifest says so: rows can be copied.
  // Every element of a row is looked at, so one that is off shows in the logits.
  bool rows = false;
  // It keeps one number, which each token changes, and nothing of earlier ones: as recurrent
  // models.
  bool recurrent = false;
  uint32_t window = 0;  // logits depend on so many tokens at most; 0: on all. Only with `rows`
  uint64_t weights_checksum = 1;  // in the manifest
};

PteFileSpec tiny_spec(const TinyModel& model);
// The logits after the last of `history`.
std::vector<float> tiny_logits(const TinyModel& model, std::span<const TokenId> history);
// A runner on a file that is gone again: of any program, and of the model, which fails the test if
// it does not load.
Result<std::shared_ptr<ExecutorchRunner>> load_spec(const PteFileSpec& spec);
std::shared_ptr<ExecutorchRunner> load_tiny(const TinyModel& model = {});
// Ids of its vocabulary, the same for the same seed.
std::vector<TokenId> random_ids(size_t count, uint32_t vocab, uint32_t seed = 7);
// The operators of the program. Each forward looks at the current Execution's cancel flag.
OperatorSet tiny_operators();
// Where the last call saw its weights.
const uint8_t* last_weights_seen();
// The next forward that starts at `position` fails. Beyond any context: none does.
void fail_at(int64_t position);

// A file in a folder of its own that goes when this does.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const uint8_t> bytes);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::shared_ptr<MappedFile> map() const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace etb::runner::testing
