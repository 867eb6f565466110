// `etbridge perplexity`, `etbridge bench`, `etbridge doctor`: figures for people or as JSON.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "args.h"
#include "base/text.h"
#include "engine/bench.h"
#include "engine/doctor.h"
#include "engine/perplexity.h"
#include "engine/text_tools.h"
#include "json.h"
#include "setup.h"
#include "terminal.h"

namespace etb::cli {
namespace {

Result<std::vector<TokenId>> perplexity_ids(const PerplexityArgs& args, LoadedModel& model) {
  ETB_ASSIGN_OR_RETURN(const std::string text, read_input(args.ids.empty() ? args.file : args.ids));
  if (args.ids.empty())
    return model.tokenizer().encode(
        text, {.parse_special = false, .add_bos = model.tokenizer().wants_bos()});
  auto ids = parse_ids(text);
  if (!ids.ok()) return ids.status().with_context(args.ids);
  return ids;
}

std::string position_line(const PositionLogprobs& position) {
  Json top = Json::array();
  for (const auto& [id, logprob] : position.top) {
    Json pair = Json::array();
    pair.push(static_cast<int64_t>(id));
    pair.push(static_cast<double>(logprob));
    top.push(pair);
  }
  Json line;
  line.set("pos", static_cast<uint64_t>(position.pos));
  line.set("id", position.id);
  line.set("logprob", static_cast<double>(position.logprob));
  line.set("top", top);
  return line.dump();
}

Status write_logprobs(LoadedModel& model, const std::vector<TokenId>& ids,
                      const PerplexityArgs& args) {
  std::ofstream file;
  if (args.logprobs != "-") file.open(args.logprobs);
  if (args.logprobs != "-" && !file) {
    return {StatusCode::NotFound, concat("cannot write '", args.logprobs, "': check the folder")};
  }
  std::ostream& out = args.logprobs == "-" ? std::cout : file;
  ETB_RETURN_IF_ERROR(position_logprobs(
      model, ids, static_cast<size_t>(args.top),
      [&out](const PositionLogprobs& position) { out << position_line(position) << '\n'; }));
  out.flush();
  if (!out)
    return {StatusCode::Internal,
            concat("cannot write '", args.logprobs, "': disk full, or no such folder")};
  return {};
}

Status perplexity_checked(const PerplexityArgs& args) {
  CommonArgs common = args.common;
  if (common.context == 0 && args.logprobs.empty()) common.context = args.window;
  ETB_ASSIGN_OR_RETURN(const auto model, LoadedModel::load(model_options(args.model, common),
                                                           progress_bar(), nullptr));
  ETB_ASSIGN_OR_RETURN(const auto ids, perplexity_ids(args, *model));
  if (!args.logprobs.empty()) return write_logprobs(*model, ids, args);
  const auto progress = [](size_t chunk, size_t chunks, double value) {
    if (stderr_is_terminal())
      std::fprintf(stderr, "\rchunk %zu of %zu: %.4f ", chunk, chunks, value);
  };
  ETB_ASSIGN_OR_RETURN(const PerplexityReport result,
                       etb::perplexity(*model, ids, args.window, progress));
  if (stderr_is_terminal()) std::fputc('\n', stderr);
  if (args.common.json) {
    Json json;
    json.set("perplexity", result.perplexity);
    json.set("tokens", static_cast<uint64_t>(result.tokens));
    json.set("chunks", static_cast<uint64_t>(result.chunks));
    std::puts(json.dump().c_str());
  } else {
    std::printf("perplexity %.4f over %zu tokens in %zu chunks of %u\n", result.perplexity,
                result.tokens, result.chunks, args.window);
  }
  return {};
}

void print_bench(const BenchReport& bench) {
  std::printf("%s, kernels: %s\n", bench.model.c_str(), bench.path.c_str());
  std::printf(
      "load %.1f ms, load and first token %.1f ms, peak memory %.1f MiB (%.1f MiB of it dirty)\n",
      bench.load_ms, bench.first_token_ms, static_cast<double>(bench.peak_rss_bytes) / 1048576,
      static_cast<double>(bench.peak_anon_bytes) / 1048576);
  std::printf("%8s %8s %7s %7s %10s %10s %10s\n", "kind", "threads", "tokens", "depth", "min",
              "median", "max");
  for (const BenchRun& run : bench.runs) {
    std::printf("%8s %8u %7u %7u %10.1f %10.1f %10.1f\n", run.prefill ? "prefill" : "decode",
                run.threads, run.tokens, run.depth, run.min_tps, run.median_tps, run.max_tps);
  }
}

Json bench_json(const BenchReport& bench) {
  Json runs = Json::array();
  for (const BenchRun& run : bench.runs) {
    Json tps;
    tps.set("min", run.min_tps);
    tps.set("median", run.median_tps);
    tps.set("max", run.max_tps);
    Json item;
    item.set("threads", run.threads);
    item.set("kind", run.prefill ? "prefill" : "decode");
    item.set("tokens", run.tokens);
    item.set("depth", run.depth);
    item.set("tps", tps);
    runs.push(item);
  }
  Json json;
  json.set("model", bench.model);
  json.set("load_ms", bench.load_ms);
  json.set("first_token_ms", bench.first_token_ms);
  json.set("peak_rss_bytes", bench.peak_rss_bytes);
  json.set("peak_anon_bytes", bench.peak_anon_bytes);
  json.set("path", bench.path);
  json.set("runs", runs);
  return json;
}

Status bench_checked(const BenchArgs& args) {
  BenchOptions options{.model = args.model,
                       .context = args.common.context,
                       .prompts = args.prompts,
                       .generate = args.generate,
                       .depths = args.depths,
                       .threads = args.threads,
                       .repeats = args.repeats,
                       .data = args.common.data,
                       .backend_options = backend_options(args.common)};
  if (options.threads.empty()) {
    options.threads = {args.common.threads > 0
                           ? args.common.threads
                           : static_cast<unsigned>(etb::doctor().default_threads)};
  }
  const auto progress = [](int repeat, int repeats) {
    if (stderr_is_terminal())
      std::fprintf(stderr, "\rrepeat %d of %d%s", repeat, repeats, repeat == repeats ? "\n" : "");
  };
  ETB_ASSIGN_OR_RETURN(const BenchReport report, run_bench(options, progress));
  if (args.common.json) {
    std::puts(bench_json(report).dump().c_str());
  } else {
    print_bench(report);
  }
  return {};
}

Json strings(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

Json doctor_json(const DoctorReport& report) {
  Json json;
  json.set("version", report.version);
  json.set("runtime", report.runtime);
  json.set("cpu", report.cpu);
  json.set("cpu_features", report.cpu_features);
  json.set("kernel_path", report.kernel_path);
  json.set("kernel_paths", strings(report.kernel_paths));
  json.set("logical_cores", report.logical_cores);
  json.set("default_threads", report.default_threads);
  json.set("memory_total_bytes", report.memory_total);
  json.set("memory_available_bytes", report.memory_available);
  if (report.memory_limit) json.set("memory_limit_bytes", *report.memory_limit);
  json.set("memory_budget_bytes", report.memory_budget);
  json.set("memory_pressure", report.pressure);
  if (report.hottest) {
    Json thermal;
    thermal.set("zone", report.hottest->zone);
    thermal.set("celsius", static_cast<double>(report.hottest->temperature) / 1000);
    thermal.set("headroom", static_cast<double>(report.hottest->headroom()) / 1000);
    json.set("thermal", thermal);
  }
  json.set("backends", strings(report.backends));
  json.set("cache_folder", report.cache_folder);
  json.set("problems", strings(report.problems));
  return json;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out.empty() ? "none" : out;
}

std::string heat(const std::optional<ThermalReading>& hottest) {
  if (!hottest) return "no thermal zone to be read";
  char text[128];
  std::snprintf(text, sizeof text, "%s at %.1f degrees, slowed down in %.1f more",
                hottest->zone.c_str(), static_cast<double>(hottest->temperature) / 1000,
                static_cast<double>(hottest->headroom()) / 1000);
  return text;
}

void print_doctor(const DoctorReport& report) {
  const auto line = [](const char* what, const std::string& text) {
    std::printf("%-12s %s\n", what, text.c_str());
  };
  line("etbridge", report.version);
  line("runtime", report.runtime);
  line("processor", concat(report.cpu, ", ", report.logical_cores, " cores, ",
                           report.default_threads, " threads used"));
  line("features", report.cpu_features);
  line("kernels",
       concat(report.kernel_path, " (this machine can run: ", joined(report.kernel_paths), ")"));
  line("memory",
       concat(report.memory_available >> 20, " of ", report.memory_total >> 20, " MiB available",
              report.memory_limit ? concat(", limit ", *report.memory_limit >> 20, " MiB") : ""));
  line("budget", report.memory_reason);
  line("pressure", concat(report.pressure, ": ", report.pressure_reason));
  line("heat", heat(report.hottest));
  line("backends", joined(report.backends));
  line("cache", report.cache_folder.empty() ? "none" : report.cache_folder);
  for (const std::string& problem : report.problems) line("problem", problem);
  if (report.problems.empty()) line("problems", "none");
}

}  // namespace

int perplexity(const PerplexityArgs& args) {
  return finish(perplexity_checked(args));
}

int bench(const BenchArgs& args) {
  return finish(bench_checked(args));
}

int doctor(const DoctorArgs& args) {
  const DoctorReport report = etb::doctor();
  if (args.common.json) {
    std::puts(doctor_json(report).dump().c_str());
  } else {
    print_doctor(report);
  }
  return 0;
}

}  // namespace etb::cli
