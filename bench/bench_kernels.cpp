// Times the kernels by themselves: plain-read bandwidth (the honest denominator), matrix-vector and
// matrix-matrix products, and whole forwards of a synthetic model in SmolLM2-135M's shape through
// the operators. Figures are the best and the median of interleaved repeats; no model file needed.
//   bench_kernels [--quick] [--forwards] [--path NAME]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "kernels/linear/linear.h"
#include "kernels/parallel.h"
#include "kernels/testing/small_model.h"

namespace etb::kernels {
namespace {

using testing::ModelShape;
using testing::Random;
using testing::SmallModel;
using testing::WeightFormat;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Case {
  std::string name;
  std::function<double()> run;  // a figure, larger is better
  std::vector<double> figures{};
};

// Repeats all cases in turn, so that a noisy neighbour hits them alike.
void report(std::vector<Case> cases, int repeats, const char* unit) {
  for (int i = 0; i < repeats; ++i) {
    for (Case& one : cases) one.figures.push_back(one.run());
  }
  for (Case& one : cases) {
    std::sort(one.figures.begin(), one.figures.end());
    std::printf("  %-44s best %8.1f   median %8.1f %s\n", one.name.c_str(), one.figures.back(),
                one.figures[one.figures.size() / 2], unit);
  }
}

uint64_t read_all(const std::vector<uint8_t>& bytes, size_t from, size_t to) {
  uint64_t lanes[8] = {};
  for (size_t i = from; i + 64 <= to; i += 64) {
    uint64_t words[8];
    std::memcpy(words, bytes.data() + i, 64);
    for (size_t j = 0; j < 8; ++j) lanes[j] += words[j];
  }
  uint64_t sum = 0;
  for (const uint64_t lane : lanes) sum += lane;
  return sum;
}

// Both products of one blob that is far larger than the caches.
class Products {
 public:
  Products(WeightFormat format, size_t rows, size_t cols) : random_(3) {
    blob_ = testing::random_blob(format, rows, cols, random_);
    matrix_ = *layout::open_blob(blob_);
    values_ = random_.reals(128 * cols);
    quant_.resize(128 * cols / 32 * kActBlockBytes + 64);
    out_.resize(128 * rows);
  }

  double gigabytes(const KernelTable& table, unsigned threads) {
    return static_cast<double>(blob_.size()) / run(table, threads, 1) * 1e-9;
  }
  double gigaops(const KernelTable& table, unsigned threads, size_t tokens) {
    const double macs = static_cast<double>(matrix_.rows * matrix_.cols * tokens);
    return 2 * macs / run(table, threads, tokens) * 1e-9;
  }
  double plain_read(unsigned threads) {
    const double time = seconds_of([&] {
      parallel_for(threads, blob_.size() / 65536, 1, [&](size_t begin, size_t end) {
        if (read_all(blob_, begin * 65536, end * 65536) == 42) std::puts("");
      });
    });
    return static_cast<double>(blob_.size()) / time * 1e-9;
  }

 private:
  double run(const KernelTable& table, unsigned threads, size_t tokens) {
    auto* const quant = quant_.data() + 64 - reinterpret_cast<uintptr_t>(quant_.data()) % 64;
    const Activations input{quant, values_.data(), tokens, matrix_.cols};
    quantise_all(table, 1, input);
    return seconds_of([&] {
      parallel_for(threads, row_units(matrix_), 1, [&](size_t begin, size_t end) {
        for_units(table, matrix_, input, {begin, end},
                  [&](const RowTile& tile) { store_tile(tile, out_.data(), matrix_.rows); });
      });
    });
  }

  Random random_;
  std::vector<uint8_t> blob_;
  layout::Matrix matrix_;
  std::vector<float> values_;
  std::vector<uint8_t> quant_;
  std::vector<float> out_;
};

void bench_products(const KernelTable& table, int repeats) {
  Products four(WeightFormat::W4A, 16384, 8192);
  Products eight(WeightFormat::W8S, 8192, 8192);
  for (const unsigned threads : {1u, 2u}) {
    std::printf("matrix x vector, %u thread(s)\n", threads);
    report({{"plain read", [&] { return four.plain_read(threads); }},
            {"w4a", [&] { return four.gigabytes(table, threads); }},
            {"w8s", [&] { return eight.gigabytes(table, threads); }}},
           repeats, "GB/s");
  }
  Products small4(WeightFormat::W4A, 1536, 576);
  Products small8(WeightFormat::W8S, 1536, 576);
  Products small_s(WeightFormat::W4S, 1536, 576);
  for (const unsigned threads : {1u, 2u}) {
    std::printf("matrix x 128 vectors, 1536 x 576, %u thread(s)\n", threads);
    report({{"w4a", [&] { return small4.gigaops(table, threads, 128); }},
            {"w4s", [&] { return small_s.gigaops(table, threads, 128); }},
            {"w8s", [&] { return small8.gigaops(table, threads, 128); }}},
           10 * repeats, "GOP/s");
  }
  std::printf("matrix x 2..8 vectors, w4a 16384 x 8192, 2 threads\n");
  std::vector<Case> few;
  for (const size_t tokens : {1u, 2u, 3u, 4u, 7u, 8u}) {
    few.push_back({std::to_string(tokens) + " vectors",
                   [&four, &table, tokens] { return four.gigaops(table, 2, tokens); }});
  }
  report(few, repeats, "GOP/s");
}

ModelShape smollm2() {
  ModelShape shape;
  shape.layers = 30;
  shape.width = 576;
  shape.heads = 9;
  shape.kv_heads = 3;
  shape.head_dim = 64;
  shape.n_rot = 64;
  shape.hidden = 1536;
  shape.vocab = 49152;
  shape.context = 8192;
  shape.chunk = 128;
  return shape;
}

// A run of forwards, timed step by step. The best figure adds up each step's shortest time over the
// repeats: on a shared machine no whole run stays undisturbed.
class Steps {
 public:
  Steps(std::string name, size_t begin, size_t end, size_t chunk)
      : name_(std::move(name)), begin_(begin), end_(end), chunk_(chunk) {}

  void run(SmallModel& model, std::span<const int64_t> tokens) {
    double total = 0;
    size_t step = 0;
    shortest_.resize((end_ - begin_ + chunk_ - 1) / chunk_, 1e9);
    for (size_t at = begin_; at < end_; at += chunk_, ++step) {
      std::vector<float> logits;
      const double time = seconds_of([&] {
        const auto position = static_cast<int64_t>(at);
        if (model.forward(tokens.subspan(at, chunk_), position, true, logits) != et::Error::Ok) {
          std::puts("forward failed");
        }
      });
      shortest_[step] = std::min(shortest_[step], time);
      total += time;
    }
    totals_.push_back(total);
  }
  void print() {
    double shortest = 0;
    for (const double time : shortest_) shortest += time;
    std::sort(totals_.begin(), totals_.end());
    const auto count = static_cast<double>(end_ - begin_);
    std::printf("  %-44s best %8.1f   median %8.1f tokens/s\n", name_.c_str(), count / shortest,
                count / totals_[totals_.size() / 2]);
  }

 private:
  std::string name_;
  size_t begin_;
  size_t end_;
  size_t chunk_;
  std::vector<double> shortest_;
  std::vector<double> totals_;
};

void bench_forwards(Path path, int repeats) {
  SmallModel model(smollm2(), 1);
  const std::vector<int64_t> tokens = model.random_tokens(8192, 2);
  std::vector<float> logits;
  for (size_t i = 0; i < 4352; i += 128) {
    (void)model.forward(std::span(tokens).subspan(i, 128), static_cast<int64_t>(i), true, logits);
  }
  for (const unsigned threads : {1u, 2u}) {
    const ExecutionScope scope({.threads = threads, .path = path, .cancel = nullptr});
    std::printf("SmolLM2-135M shape, W4A, head W8S, %u thread(s)\n", threads);
    std::vector<Steps> all;
    for (const size_t depth : {0u, 500u, 1024u, 4096u}) {
      all.emplace_back("decode at depth " + std::to_string(depth), depth, depth + 16, 1);
    }
    all.emplace_back("prefill 512 in chunks of 128", 0, 512, 128);
    all.emplace_back("chunks of 4 at depth 0", 0, 32, 4);
    for (int i = 0; i < repeats; ++i) {
      for (Steps& steps : all) steps.run(model, tokens);
    }
    for (Steps& steps : all) steps.print();
  }
}

}  // namespace
}  // namespace etb::kernels

int main(int argc, char** argv) {
  using namespace etb::kernels;
  Path path = best_path();
  int repeats = 15;
  bool products = true;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick") repeats = 5;
    if (argument == "--forwards") products = false;
    if (argument == "--path" && i + 1 < argc) {
      for (const Path known : available_paths()) {
        if (path_name(known) == argv[i + 1]) path = known;
      }
    }
  }
  std::printf("path %s, pool of %u\n", std::string(path_name(path)).c_str(), pool_threads());
  if (products) bench_products(*table_for(path), repeats);
  bench_forwards(path, repeats);
  return 0;
}
