// What the parts of bench_conversation share: options, the report (lines for people, one JSON
// object), series of figures, text to talk about, and children in processes of their own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "json.h"

namespace etb::bench {

struct Options {
  std::string model;  // a .gguf
  int tries = 200;    // cancel: of each kind
  int turns = 200;    // chat, pressure
  int repeats = 7;    // of what is timed in turns
  uint64_t seed = 1;  // of random moments, prompts and shapes
  bool json = false;
};

// Lines are for people and not printed under --json.
class Report {
 public:
  explicit Report(bool json) : json_only_(json) {}
  void line(std::string_view text) const;
  cli::Json& json() { return json_; }

 private:
  bool json_only_;
  cli::Json json_;
};

std::string fixed(double number, int digits);
double mib(uint64_t bytes);

class Series {
 public:
  void add(double figure) { figures_.push_back(figure); }
  size_t count() const { return figures_.size(); }
  // The figure below which `share` of them lie; 0 without any.
  double quantile(double share) const;
  double median() const { return quantile(0.5); }
  double max() const { return quantile(1.0); }
  // "n 200, p50 1.2, p95 3.4, max 5.6 UNIT"
  std::string text(std::string_view unit) const;
  cli::Json json() const;

 private:
  std::vector<double> figures_;
};

// English prose (tests/references/fidelity/text.txt), by words, without end.
class Prose {
 public:
  static Result<Prose> open();
  // `count` words from number `from` on, with single spaces between them.
  std::string words(size_t from, size_t count) const;

 private:
  std::vector<std::string> words_;
};

using Random = std::mt19937_64;
std::vector<TokenId> random_ids(size_t count, uint32_t vocab, Random& random);
// Uniform in [0, most).
double uniform(Random& random, double most);

// The engine most parts use: one conversation after the other, none finding what another computed.
Result<std::shared_ptr<Engine>> load_engine(const std::string& model, uint32_t context);
Result<Answer> ask(Session& session, Prompt prompt, const GenerateOptions& options);

// A folder of this run among temporary files, gone with the object.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(std::string_view name) const;

 private:
  std::string path_;
};

struct ChildEnd {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  std::string output;
};
// This program in a process of its own, with these arguments; `before` runs in the child first and
// says whether it may go on.
Result<ChildEnd> run_self(const std::vector<std::string>& arguments,
                          const std::function<bool()>& before = {});

// The parts. A Status other than Ok: it could not be measured.
Status bench_cancel(const Options& options, Report& report);
Status bench_chat(const Options& options, Report& report);
Status bench_restore(const Options& options, Report& report);
Status bench_warm(const Options& options, Report& report);
Status bench_lookup(const Options& options, Report& report);
Status bench_memory(const Options& options, Report& report);
Status bench_pressure(const Options& options, Report& report);

// What run_self() runs: MODEL CONTEXT, figures to stdout.
Status child_memory(const std::string& model, uint32_t context);
Status child_estimate(const std::string& model, uint32_t context);
struct PressureChild {
  std::string model;
  uint32_t context = 0;
  int turns = 0;
  uint64_t taken_bytes = 0;  // that the app takes for itself meanwhile
};
Status child_pressure(const PressureChild& child);

}  // namespace etb::bench
