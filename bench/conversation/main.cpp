// bench_conversation: what a conversation costs and how soon it answers, on a real model. Figures
// only; nothing is asserted. How they were got, and what they were: bench/README.md.
#include <charconv>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "bench.h"

namespace etb::bench {
namespace {

struct Part {
  std::string_view name;
  Status (*run)(const Options& options, Report& report);
  std::string_view about;
};
constexpr Part kParts[] = {
    {"cancel", bench_cancel, "cancel latency in prefill, decode, queue and load"},
    {"chat", bench_chat, "a long chat: memory, tokens computed a turn"},
    {"restore", bench_restore, "first token of a saved conversation"},
    {"warm", bench_warm, "first token after warming"},
    {"lookup", bench_lookup, "speculation: equal ids, gain and loss"},
    {"memory", bench_memory, "estimate against use, unload, sampler"},
    {"pressure", bench_pressure, "a chat under a control group's limit (root)"},
};

template <class N>
bool read_number(std::string_view text, N& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

int usage() {
  std::fprintf(stderr,
               "bench_conversation PART [--model FILE.gguf] [--tries N] [--turns N] [--repeats N]\n"
               "                   [--seed N] [--json]\n");
  for (const Part& part : kParts) {
    std::fprintf(stderr, "  %-9s %s\n", part.name.data(), part.about.data());
  }
  return 2;
}

bool read_options(int count, char** arguments, Options& options) {
  for (int i = 2; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--json") {
      options.json = true;
      continue;
    }
    if (++i >= count) return false;
    const std::string_view value = arguments[i];
    bool known = name == "--model";
    if (known) options.model = value;
    if (name == "--tries") known = read_number(value, options.tries) && options.tries > 0;
    if (name == "--turns") known = read_number(value, options.turns) && options.turns > 0;
    if (name == "--repeats") known = read_number(value, options.repeats) && options.repeats > 0;
    if (name == "--seed") known = read_number(value, options.seed);
    if (!known) return false;
  }
  return true;
}

// The processes that run_self() starts; nobody else calls these.
Status run_child(std::string_view name, int count, char** arguments) {
  PressureChild child;
  if (count < 4 || !read_number(std::string_view(arguments[3]), child.context)) {
    return {StatusCode::InvalidArgument, "MODEL CONTEXT"};
  }
  child.model = arguments[2];
  if (name == "child-memory") return child_memory(child.model, child.context);
  if (name == "child-estimate") return child_estimate(child.model, child.context);
  if (count < 6 || !read_number(std::string_view(arguments[4]), child.turns) ||
      !read_number(std::string_view(arguments[5]), child.taken_bytes)) {
    return {StatusCode::InvalidArgument, "MODEL CONTEXT TURNS BYTES"};
  }
  return child_pressure(child);
}

int finish(const Status& status) {
  if (!status.ok()) std::fprintf(stderr, "bench_conversation: %s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}

int run(int count, char** arguments) {
  if (count < 2) return usage();
  const std::string_view name = arguments[1];
  if (name.starts_with("child-")) {
    const Status status = run_child(name, count, arguments);
    if (!status.ok()) std::printf("error %s\n", status.to_string().c_str());
    return status.ok() ? 0 : 1;
  }
  Options options{.model = ETB_TEST_MODEL, .seed = static_cast<uint64_t>(std::time(nullptr))};
  if (!read_options(count, arguments, options)) return usage();
  for (const Part& part : kParts) {
    if (part.name != name) continue;
    Report report(options.json);
    report.json().set("bench", part.name);
    report.json().set("seed", options.seed);
    report.line(std::string(name) + ", seed " + std::to_string(options.seed));
    const Status status = part.run(options, report);
    if (status.ok() && options.json) std::puts(report.json().dump().c_str());
    return finish(status);
  }
  return usage();
}

}  // namespace
}  // namespace etb::bench

int main(int count, char** arguments) {
  return etb::bench::run(count, arguments);
}
