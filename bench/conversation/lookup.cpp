// Speculation by prompt look-up: that it changes no token (100 prompts, greedy and sampled), what
// it gains where an answer repeats its prompt, and what it costs where it does not. With and
// without run in turns, the order changing; a figure is the median of the ratios of such pairs.
#include <ctime>

#include <algorithm>

#include "base/text.h"
#include "bench.h"

namespace etb::bench {
namespace {

constexpr uint32_t kContext = 2048;
constexpr int kPrompts = 100;

struct Task {
  std::string name;
  std::string prompt;
  GenerateOptions options{};
};

std::string code(size_t variant) {
  const std::string name = variant % 2 == 0 ? "total" : "result";
  return concat("def mean(values):\n    ", name, " = 0\n    for value in values:\n        ", name,
                " += value\n    if len(values) == 0:\n        return 0\n    return ", name,
                " / len(values)\n\ndef spread(values):\n    middle = mean(values)\n    ", name,
                " = 0\n    for value in values:\n        ", name,
                " += (value - middle) ** 2\n    return ", name, " / len(values)\n");
}

Task copy_task(const Prose& prose, size_t number) {
  Task task{.name = {}, .prompt = {}, .options = {.max_tokens = 160}};
  const std::string passage = prose.words(317 * number, 90);
  switch (number % 3) {
    case 0:
      task.name = "quote";
      task.prompt = concat("Repeat this text word for word:\n\n", passage);
      break;
    case 1:
      task.name = "summary";
      task.prompt = concat("Summarise this text in its own words, quoting it:\n\n", passage);
      break;
    default:
      task.name = "code edit";
      task.prompt = concat(
          "Write this Python code again with the name `values` changed to"
          " `numbers`:\n\n```python\n",
          code(number), "```");
  }
  return task;
}

Task free_task(const Prose& prose, size_t number) {
  static constexpr std::string_view kAsks[] = {"Tell me a story about ", "Write a poem about ",
                                               "Explain to a child: ", "Give me ten ideas about ",
                                               "Write a letter about "};
  Task task{.name = "free",
            .prompt = concat(kAsks[number % std::size(kAsks)], prose.words(911 * number, 6), "."),
            .options = {.max_tokens = 160}};
  task.options.sampler = {.temperature = 1.0F, .top_p = 0.95F, .seed = number};
  return task;
}

double process_seconds() {
  std::timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Run {
  Answer answer;
  double cpu_s = 0;  // of the whole process, prefill excluded (the prompt is in the cache)
};

Result<Run> run(Engine& engine, const Task& task, bool lookup) {
  const auto session = engine.new_session({.now_seconds = 0});
  // So that what follows is decode alone.
  ETB_RETURN_IF_ERROR(ask(*session, Prompt::warm(task.prompt), {}).status());
  GenerateOptions options = task.options;
  options.lookup = lookup;
  const double start_s = process_seconds();
  ETB_ASSIGN_OR_RETURN(Answer answer, ask(*session, Prompt::user(task.prompt), options));
  return Run{std::move(answer), process_seconds() - start_s};
}

struct Pairs {
  std::string name{};
  Series time{};  // plain / with look-up, wall time a token: above 1 is a gain
  Series cpu{};   // the same, processor time
  uint64_t drafted = 0, accepted = 0, generated = 0;
};

Status run_pair(Engine& engine, const Task& task, bool plain_first, Pairs& pairs) {
  ETB_ASSIGN_OR_RETURN(const Run first, run(engine, task, !plain_first));
  ETB_ASSIGN_OR_RETURN(const Run second, run(engine, task, plain_first));
  const Run& plain = plain_first ? first : second;
  const Run& guessed = plain_first ? second : first;
  if (plain.answer.ids != guessed.answer.ids) {
    return {StatusCode::Internal, concat("other ids with look-up: ", task.prompt)};
  }
  pairs.drafted += guessed.answer.drafted_tokens;
  pairs.accepted += guessed.answer.accepted_tokens;
  pairs.generated += guessed.answer.ids.size();
  if (plain.answer.ids.size() < 16) return {};  // too short to time
  pairs.time.add(guessed.answer.decode_tps / plain.answer.decode_tps);
  pairs.cpu.add(plain.cpu_s / guessed.cpu_s);
  return {};
}

void show(const Pairs& pairs, Report& report) {
  report.line(concat(
      pairs.name, ": ", fixed(pairs.time.median(), 3), " times as fast (quartiles ",
      fixed(pairs.time.quantile(0.25), 3), " to ", fixed(pairs.time.quantile(0.75), 3),
      "), by processor time ", fixed(pairs.cpu.median(), 3), "; ", pairs.time.count(), " pairs, ",
      pairs.generated, " tokens, drafted ", pairs.drafted, ", right ", pairs.accepted));
  cli::Json json;
  json.set("speedup", pairs.time.median());
  json.set("quartile_low", pairs.time.quantile(0.25));
  json.set("quartile_high", pairs.time.quantile(0.75));
  json.set("speedup_cpu", pairs.cpu.median());
  json.set("pairs", static_cast<uint64_t>(pairs.time.count()));
  json.set("generated", pairs.generated);
  json.set("drafted", pairs.drafted);
  json.set("accepted", pairs.accepted);
  report.json().set(pairs.name, json);
}

// Half of them copy, a quarter is sampled, a quarter greedy prose.
Status compare_ids(Engine& engine, const Prose& prose, Report& report) {
  Pairs all{.name = "100 prompts"};
  for (size_t i = 0; i < kPrompts; ++i) {
    Task task = i % 2 == 0 ? copy_task(prose, i / 2) : free_task(prose, i);
    if (i % 4 == 3) task.options.sampler = {};
    task.options.max_tokens = 64;
    ETB_RETURN_IF_ERROR(run_pair(engine, task, i % 2 == 0, all));
  }
  report.line(concat("equal ids on ", kPrompts, " prompts, ", all.generated, " tokens, drafted ",
                     all.drafted, ", right ", all.accepted));
  report.json().set("equal_prompts", kPrompts);
  return {};
}

}  // namespace

Status bench_lookup(const Options& options, Report& report) {
  ETB_ASSIGN_OR_RETURN(const Prose prose, Prose::open());
  ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(options.model, kContext));
  ETB_RETURN_IF_ERROR(compare_ids(*engine, prose, report));
  std::vector<Pairs> kinds(4);
  for (int i = 0; i < options.repeats; ++i) {
    for (size_t number = 0; number < 6; ++number) {
      Task copy = copy_task(prose, number);
      Pairs& kind = kinds[number % 3];
      kind.name = copy.name;
      ETB_RETURN_IF_ERROR(run_pair(*engine, copy, (i + number) % 2 == 0, kind));
      Task talk = free_task(prose, number + 6 * static_cast<size_t>(i));
      kinds[3].name = talk.name;
      ETB_RETURN_IF_ERROR(run_pair(*engine, talk, (i + number) % 2 == 0, kinds[3]));
    }
  }
  for (const Pairs& kind : kinds) show(kind, report);
  return {};
}

}  // namespace etb::bench
