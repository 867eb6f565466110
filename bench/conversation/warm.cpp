// Prefill ahead: time from submit to the first token for a question behind a long system prompt,
// with nothing computed, with the system prompt warmed, and with what was typed so far warmed too.
// Each in a session of its own, so that none finds what another computed.
#include <array>

#include "base/text.h"
#include "bench.h"

namespace etb::bench {
namespace {

constexpr uint32_t kContext = 2048;
constexpr size_t kSystemWords = 220;
constexpr size_t kTypedWords = 110;

struct Case {
  std::string_view name;
  bool system = false;  // warmed
  bool typed = false;
  Series ttft{};
  size_t computed = 0;  // prompt tokens left after submit
};

Status measure(Engine& engine, const Prose& prose, Case& one) {
  const auto session = engine.new_session({.system = prose.words(0, kSystemWords)});
  const std::string typed = prose.words(1000, kTypedWords);
  if (one.system) ETB_RETURN_IF_ERROR(ask(*session, Prompt::warm(""), {}).status());
  if (one.typed) ETB_RETURN_IF_ERROR(ask(*session, Prompt::warm(typed), {}).status());
  ETB_ASSIGN_OR_RETURN(const Answer answer,
                       ask(*session, Prompt::user(typed + " Who is she?"), {.max_tokens = 1}));
  one.ttft.add(answer.ttft_ms);
  one.computed = answer.prompt_tokens - answer.cached_tokens;
  return {};
}

}  // namespace

Status bench_warm(const Options& options, Report& report) {
  ETB_ASSIGN_OR_RETURN(const Prose prose, Prose::open());
  ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(options.model, kContext));
  std::array<Case, 3> cases = {Case{.name = "cold"}, Case{.name = "system", .system = true},
                               Case{.name = "system_and_typed", .system = true, .typed = true}};
  for (int i = 0; i < options.repeats; ++i) {
    for (Case& one : cases) ETB_RETURN_IF_ERROR(measure(*engine, prose, one));
  }
  for (const Case& one : cases) {
    const double share = one.ttft.median() / cases[0].ttft.median();
    report.line(concat(one.name, ": ", one.computed, " tokens left, first token after ",
                       one.ttft.text("ms"), ", ", fixed(100 * share, 1), " % of cold"));
    cli::Json json = one.ttft.json();
    json.set("tokens_left", static_cast<uint64_t>(one.computed));
    json.set("share_of_cold", share);
    report.json().set(one.name, json);
  }
  return {};
}

}  // namespace etb::bench
