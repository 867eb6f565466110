// Times load, prefill and decode: no tokenizer, template or sampler in it. Repeats of all cases are
// interleaved, so that a slow minute of the machine touches each case alike.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "runner/backend_option.h"

namespace etb {

struct BenchOptions {
  std::string model;
  uint32_t context = 0;  // 0: as much as the cases need, at least the file's default
  std::vector<uint32_t> prompts;
  std::vector<uint32_t> generate;
  std::vector<uint32_t> depths;
  std::vector<unsigned> threads;
  int repeats = 5;
  std::vector<std::string> data = {};  // as ModelOptions has them
  std::vector<runner::BackendOption> backend_options = {};
};

struct BenchRun {
  unsigned threads = 0;
  bool prefill = false;  // else decode
  uint32_t tokens = 0;
  uint32_t depth = 0;
  double min_tps = 0, median_tps = 0, max_tps = 0;
};

struct BenchReport {
  std::string model;
  double load_ms = 0;         // median
  double first_token_ms = 0;  // load + one token of a one-token prompt, median
  uint64_t peak_rss_bytes = 0;
  uint64_t peak_anon_bytes = 0;
  std::string path;  // kernel path
  std::vector<BenchRun> runs;
};

Result<BenchReport> run_bench(const BenchOptions& options,
                              const std::function<void(int repeat, int repeats)>& progress);

}  // namespace etb
