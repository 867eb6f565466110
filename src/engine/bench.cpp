#include "engine/bench.h"

#include <algorithm>
#include <memory>

#include "base/clock.h"
#include "base/text.h"
#include "engine/loaded_model.h"
#include "engine/measure.h"

namespace etb {
namespace {

struct Case {
  BenchRun run;
  std::vector<double> tps;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// Ids that look like text to the caches: spread over the vocabulary, the same in every run.
std::vector<TokenId> bench_ids(size_t count, uint32_t vocab_size) {
  std::vector<TokenId> ids(count);
  uint64_t state = 0x9E3779B97F4A7C15;
  for (TokenId& id : ids) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    id = static_cast<TokenId>((state >> 33) % vocab_size);
  }
  return ids;
}

std::vector<Case> list_cases(const BenchOptions& options) {
  std::vector<Case> cases;
  for (const unsigned threads : options.threads) {
    for (const uint32_t depth : options.depths) {
      for (const uint32_t tokens : options.prompts) {
        cases.push_back(
            {{.threads = threads, .prefill = true, .tokens = tokens, .depth = depth}, {}});
      }
      for (const uint32_t tokens : options.generate) {
        cases.push_back(
            {{.threads = threads, .prefill = false, .tokens = tokens, .depth = depth}, {}});
      }
    }
  }
  std::erase_if(cases, [](const Case& c) { return c.run.tokens == 0; });
  return cases;
}

uint64_t needed_context(const std::vector<Case>& cases) {
  uint64_t most = 0;
  for (const Case& c : cases) most = std::max(most, uint64_t{c.run.depth} + c.run.tokens + 1);
  return most;
}

Result<double> time_case(runner::TextRunner& runner, const BenchRun& run) {
  ETB_ASSIGN_OR_RETURN(const auto sequence, runner.new_sequence());
  const uint32_t vocab = runner.meta().vocab_size;
  const std::vector<TokenId> ids = bench_ids(size_t{run.depth} + run.tokens, vocab);
  const std::span<const TokenId> all(ids);
  if (run.depth > 0) {
    if (auto warm = sequence->forward(all.first(run.depth), nullptr); !warm.ok())
      return warm.status();
  }
  const std::span<const TokenId> timed = all.subspan(run.depth);
  const int64_t start = Clock::system().now_ns();
  if (run.prefill) {
    if (auto done = sequence->forward(timed, nullptr); !done.ok()) return done.status();
  } else {
    for (size_t i = 0; i < timed.size(); ++i) {
      if (auto done = sequence->forward(timed.subspan(i, 1), nullptr); !done.ok())
        return done.status();
    }
  }
  return static_cast<double>(run.tokens) * 1000.0 / elapsed_ms(start, Clock::system().now_ns());
}

Result<std::unique_ptr<LoadedModel>> load(const BenchOptions& options, uint32_t context,
                                          unsigned threads) {
  return LoadedModel::load({.model = options.model,
                            .context = context,
                            .threads = threads,
                            .data = options.data,
                            .ids_only = true,
                            .backend_options = options.backend_options},
                           {}, nullptr);
}

struct LoadTimes {
  std::vector<double> load_ms, first_token_ms;
};

Result<std::unique_ptr<LoadedModel>> timed_load(const BenchOptions& options, uint32_t context,
                                                unsigned threads, LoadTimes& times) {
  const int64_t start = Clock::system().now_ns();
  ETB_ASSIGN_OR_RETURN(auto model, load(options, context, threads));
  ETB_ASSIGN_OR_RETURN(const auto sequence, model->runner().new_sequence());
  const std::vector<TokenId> one = bench_ids(1, model->runner().meta().vocab_size);
  if (auto logits = sequence->forward(one, nullptr); !logits.ok()) return logits.status();
  times.load_ms.push_back(model->info()->load_ms);
  times.first_token_ms.push_back(elapsed_ms(start, Clock::system().now_ns()));
  return model;
}

}  // namespace

Result<BenchReport> run_bench(const BenchOptions& options,
                              const std::function<void(int repeat, int repeats)>& progress) {
  std::vector<Case> cases = list_cases(options);
  if (cases.empty())
    return Status(StatusCode::InvalidArgument, "nothing to measure: give -p or -n");
  const PeakMemory peak;
  LoadTimes times;
  BenchReport report;
  // Imports a .gguf if need be and warms the page cache; also tells the file's own context. Gone
  // before what is timed: a delegate's threads are set only while no other model is loaded.
  ETB_ASSIGN_OR_RETURN(auto first, load(options, options.context, 0));
  const uint64_t needed = needed_context(cases);
  if (needed > UINT32_MAX)
    return Status(StatusCode::InvalidArgument, "depth and tokens together are too many");
  const uint32_t context = std::max(first->runner().meta().context, static_cast<uint32_t>(needed));
  report.model = first->info()->bundle.manifest.name;
  report.path = first->runner().meta().kernel_path;
  first.reset();
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (const unsigned threads : options.threads) {
      ETB_ASSIGN_OR_RETURN(const auto model, timed_load(options, context, threads, times));
      for (Case& c : cases) {
        if (c.run.threads != threads) continue;
        ETB_ASSIGN_OR_RETURN(const double tps, time_case(model->runner(), c.run));
        c.tps.push_back(tps);
      }
    }
    if (progress) progress(repeat + 1, options.repeats);
  }
  report.load_ms = median(times.load_ms);
  report.first_token_ms = median(times.first_token_ms);
  for (Case& c : cases) {
    c.run.min_tps = *std::min_element(c.tps.begin(), c.tps.end());
    c.run.max_tps = *std::max_element(c.tps.begin(), c.tps.end());
    c.run.median_tps = median(c.tps);
    report.runs.push_back(c.run);
  }
  const MemoryUse memory = peak.read();
  report.peak_rss_bytes = memory.peak_rss_bytes;
  report.peak_anon_bytes = memory.peak_anon_bytes;
  return report;
}

}  // namespace etb
