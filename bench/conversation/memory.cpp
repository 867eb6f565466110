// What the engine foretells against what the process then holds: a real model and two of random
// shapes, at three contexts each, filled to the last position, every one in a fresh process. Then
// what is left after an unload, and what sampling the footprint costs.
#include <ctime>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include "base/text.h"
#include "bench.h"
#include "platform/atomic_file.h"
#include "platform/memory_info.h"
#include "support/random_gguf.h"

namespace etb::bench {
namespace {

constexpr std::array<uint32_t, 3> kContexts = {512, 2048, 4096};
constexpr auto kSampling = std::chrono::seconds(5);
constexpr auto kPeriod = std::chrono::milliseconds(2);

// Of one child, in bytes.
struct Figures {
  double rss_before = 0, estimate = 0, rss = 0;
  double footprint_before = 0, footprint = 0, footprint_after = 0;
};

Result<Figures> measure(const std::string& model, uint32_t context) {
  ETB_ASSIGN_OR_RETURN(const ChildEnd end,
                       run_self({"child-memory", model, std::to_string(context)}));
  Figures f;
  const int read =
      std::sscanf(end.output.c_str(), "%lf %lf %lf %lf %lf %lf", &f.rss_before, &f.estimate, &f.rss,
                  &f.footprint_before, &f.footprint, &f.footprint_after);
  if (end.exit_code == 0 && read == 6) return f;
  return Status(StatusCode::Internal, concat("the child said: ", end.output));
}

test::RandomGgufSpec draw(Random& random) {
  test::RandomGgufSpec spec;
  spec.layers = 4 + static_cast<uint32_t>(random() % 21);
  spec.head_dim = random() % 2 == 0 ? 64 : 128;
  spec.kv_heads = 1 + static_cast<uint32_t>(random() % 4);
  spec.heads = spec.kv_heads * (1 + static_cast<uint32_t>(random() % 3));
  spec.width = 64 * (4 + static_cast<uint32_t>(random() % 13));
  spec.ffn = 64 * (spec.width / 64 * (2 + static_cast<uint32_t>(random() % 3)));
  spec.vocab = 4096 + static_cast<uint32_t>(random() % 60000);
  spec.context = 8192;
  spec.seed = random();
  return spec;
}

std::string name_of(const test::RandomGgufSpec& spec) {
  return concat(spec.layers, " layers of ", spec.width, ", ffn ", spec.ffn, ", heads ", spec.heads,
                "/", spec.kv_heads, " of ", spec.head_dim, ", vocabulary ", spec.vocab);
}

Result<std::string> write_model(const test::RandomGgufSpec& spec, const std::string& path) {
  ETB_ASSIGN_OR_RETURN(AtomicFile out, AtomicFile::create(path));
  ETB_RETURN_IF_ERROR(
      test::write_random_gguf(spec, [&out](std::string_view piece) { return out.write(piece); }));
  ETB_RETURN_IF_ERROR(out.commit_unsynced());
  return path;
}

struct Worst {
  double error = 0;         // share by which baseline + estimate misses the use
  double growth_error = 0;  // the same of the growth alone
  double left_mib = -1e9;   // after an unload
};

Status measure_model(const std::string& name, const std::string& path, Report& report,
                     Worst& worst) {
  report.line(name);
  // Imports it, so that no child has that in its memory.
  ETB_ASSIGN_OR_RETURN(const ChildEnd imported, run_self({"child-estimate", path, "512"}));
  if (imported.exit_code != 0) return {StatusCode::Internal, imported.output};
  cli::Json list = cli::Json::array();
  for (const uint32_t context : kContexts) {
    ETB_ASSIGN_OR_RETURN(const Figures f, measure(path, context));
    const double error = (f.rss_before + f.estimate) / f.rss - 1;
    const double growth_error = f.estimate / (f.rss - f.rss_before) - 1;
    const double left = (f.footprint_after - f.footprint_before) / (1 << 20);
    report.line(concat("  context ", context, ": foretold ",
                       fixed((f.rss_before + f.estimate) / (1 << 20), 1), " MiB, used ",
                       fixed(f.rss / (1 << 20), 1), " MiB, off by ", fixed(100 * error, 1),
                       " % (of the growth ", fixed(100 * growth_error, 1), " %); footprint ",
                       fixed(f.footprint / (1 << 20), 1), " MiB, after unload ", fixed(left, 2),
                       " MiB more than before"));
    worst.error = std::max(worst.error, std::abs(error));
    worst.growth_error = std::max(worst.growth_error, std::abs(growth_error));
    worst.left_mib = std::max(worst.left_mib, left);
    cli::Json json;
    json.set("context", context);
    json.set("foretold_bytes", f.rss_before + f.estimate);
    json.set("used_bytes", f.rss);
    json.set("error", error);
    json.set("growth_error", growth_error);
    json.set("left_after_unload_mib", left);
    list.push(json);
  }
  report.json().set(name, list);
  return {};
}

double thread_seconds() {
  std::timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Processor seconds of `work`, on a thread of its own.
double seconds_of(const std::function<void()>& work) {
  double cpu_s = 0;
  std::thread([&] {
    const double start_s = thread_seconds();
    work();
    cpu_s = thread_seconds() - start_s;
  }).join();
  return cpu_s;
}

// With and without the samples, since waking up 500 times a second costs by itself.
Status measure_sampler(Report& report) {
  ETB_ASSIGN_OR_RETURN(const FootprintSampler sampler, FootprintSampler::open());
  const auto tick = [](const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    for (auto next = begin; next < begin + kSampling; next += kPeriod) {
      std::this_thread::sleep_until(next);
      work();
    }
  };
  const double span_s = std::chrono::duration<double>(kSampling).count();
  const double sampled = seconds_of([&] { tick([&] { sampler.sample(); }); }) / span_s;
  const double idle = seconds_of([&] { tick([] {}); }) / span_s;
  constexpr int kSamples = 100000;
  const double each_us = 1e6 / kSamples * seconds_of([&] {
                           for (int i = 0; i < kSamples; ++i) sampler.sample();
                         });
  report.line(concat("footprint sampled 500 times a second: ", fixed(100 * sampled, 2),
                     " % of a core, waking up alone ", fixed(100 * idle, 2), " %; a sample takes ",
                     fixed(each_us, 2), " us, 500 of them ", fixed(each_us * 0.05, 3), " %"));
  report.json().set("sampler_core_share", sampled);
  report.json().set("wake_up_core_share", idle);
  report.json().set("sample_us", each_us);
  return {};
}

}  // namespace

Status child_estimate(const std::string& model, uint32_t context) {
  ETB_ASSIGN_OR_RETURN(const ModelBundle bundle, open_bundle({.model = model}, {}, nullptr));
  ETB_ASSIGN_OR_RETURN(const MemoryPlan plan, plan_memory(bundle, context, {.enforce = false}));
  std::printf("%llu %s\n", static_cast<unsigned long long>(plan.estimate.total_bytes()),
              bundle.path.c_str());
  return {};
}

Status child_memory(const std::string& model, uint32_t context) {
  ETB_ASSIGN_OR_RETURN(const ProcessMemory before, process_memory());
  ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(model, context));
  const auto info = engine->model();
  const auto session = engine->new_session({});
  Random random(1);
  const std::vector<TokenId> ids = random_ids(context - 1, info->meta.vocab_size, random);
  ETB_RETURN_IF_ERROR(ask(*session, Prompt::tokens(ids), {.max_tokens = 1}).status());
  ETB_ASSIGN_OR_RETURN(const ProcessMemory full, process_memory());
  std::promise<void> gone;
  ETB_RETURN_IF_ERROR(engine->unload(holder::WhileBusy::Wait, [&] { gone.set_value(); }));
  gone.get_future().wait();
  ETB_ASSIGN_OR_RETURN(const ProcessMemory after, process_memory());
  for (const uint64_t figure :
       {before.rss_bytes, info->memory.estimate.total_bytes(), full.rss_bytes,
        before.footprint_bytes, full.footprint_bytes, after.footprint_bytes}) {
    std::printf("%llu ", static_cast<unsigned long long>(figure));
  }
  std::puts("");
  return {};
}

Status bench_memory(const Options& options, Report& report) {
  const Folder folder;
  Worst worst;
  ETB_RETURN_IF_ERROR(measure_model("given model", options.model, report, worst));
  ::setenv("XDG_CACHE_HOME", folder.path("cache").c_str(), 1);
  Random random(options.seed);
  for (const char* const name : {"first random shape", "second random shape"}) {
    const test::RandomGgufSpec spec = draw(random);
    ETB_ASSIGN_OR_RETURN(const std::string path,
                         write_model(spec, folder.path(concat(spec.seed, ".gguf"))));
    ETB_RETURN_IF_ERROR(measure_model(concat(name, ": ", name_of(spec)), path, report, worst));
  }
  report.line(concat("worst: off by ", fixed(100 * worst.error, 1), " %, of the growth alone ",
                     fixed(100 * worst.growth_error, 1), " %; left after unload ",
                     fixed(worst.left_mib, 2), " MiB"));
  report.json().set("worst_error", worst.error);
  report.json().set("worst_growth_error", worst.growth_error);
  report.json().set("worst_left_mib", worst.left_mib);
  return measure_sampler(report);
}

}  // namespace etb::bench
