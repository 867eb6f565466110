// A long chat in a context that it outgrows many times over: what each turn computes with the keys
// and values of the turns before and what it would compute without, what the process holds, and
// whether each message that is kept stands in the prompt as a whole.
#include <algorithm>

#include "base/text.h"
#include "bench.h"

namespace etb::bench {
namespace {

constexpr uint32_t kContext = 2048;
constexpr int kShowEvery = 20;

// How a person's messages vary: short questions, and now and then a passage to talk about.
std::string next_message(const Prose& prose, int turn, Random& random) {
  static constexpr std::string_view kAsks[] = {
      "What do you think of this: ", "Please say in one sentence what this means: ", "And then? ",
      "Who is meant here? "};
  const size_t words = turn % 5 == 0 ? 60 + random() % 60 : 4 + random() % 25;
  return concat(kAsks[random() % std::size(kAsks)], prose.words(random() % 5000, words));
}

struct Totals {
  uint64_t prompt = 0;    // tokens of all prompts
  uint64_t computed = 0;  // of these, not taken from the cache
  uint64_t generated = 0;
  Series turn;        // computed a turn
  Series moved;       // the same, turns whose history was cut
  int not_whole = 0;  // turns with a prompt that lacks a kept message, or part of it
};

// The prompt as the template renders what the history keeps: all of it, and nothing else.
Result<bool> is_whole(const ModelInfo& model, const Session& session, const Answer& answer) {
  std::vector<prompt::Message> messages = session.messages();
  messages.pop_back();  // the answer
  const bool system = messages.front().role == "system";
  const auto begin = messages.begin() + (system ? 1 : 0);
  messages.erase(begin, begin + static_cast<ptrdiff_t>(answer.dropped_messages));
  ETB_ASSIGN_OR_RETURN(
      const std::string expected,
      model.bundle.chat_template->render({.messages = messages, .add_generation_prompt = true}));
  ETB_ASSIGN_OR_RETURN(const std::string fed,
                       model.tokenizer().decode(answer.prompt_ids, {.special = true}));
  return fed == expected;
}

}  // namespace

Status bench_chat(const Options& options, Report& report) {
  ETB_ASSIGN_OR_RETURN(const Prose prose, Prose::open());
  ETB_ASSIGN_OR_RETURN(const auto engine,
                       Engine::load({.model = {.model = options.model, .context = kContext}}));
  const auto model = engine->model();
  const auto session = engine->new_session({.system = "You are a helpful and brief assistant."});
  Random random(options.seed);
  Totals totals;
  cli::Json footprints = cli::Json::array();
  // What the process holds beside the rows of its conversation, which come and go with its turns.
  double warm_mib = 0;
  double most_mib = 0;
  size_t dropped = 0;
  for (int turn = 1; turn <= options.turns; ++turn) {
    const std::string message = next_message(prose, turn, random);
    GenerateOptions with{.max_tokens = 64};
    with.sampler = {
        .temperature = 0.7F, .top_p = 0.95F, .seed = options.seed + static_cast<uint64_t>(turn)};
    ETB_ASSIGN_OR_RETURN(const Answer answer, ask(*session, Prompt::user(message), with));
    const std::vector<prompt::Message> messages = session->messages();
    ETB_ASSIGN_OR_RETURN(bool whole, is_whole(*model, *session, answer));
    whole = whole && messages.back().content == answer.text &&
            messages[messages.size() - 2].content == message;
    totals.not_whole += whole ? 0 : 1;
    const auto computed = answer.prompt_tokens - answer.cached_tokens;
    totals.prompt += answer.prompt_tokens;
    totals.computed += computed;
    totals.generated += answer.ids.size();
    totals.turn.add(static_cast<double>(computed));
    if (answer.dropped_messages > dropped) totals.moved.add(static_cast<double>(computed));
    dropped = answer.dropped_messages;
    if (turn % kShowEvery != 0) continue;
    const uint64_t rows =
        (answer.prompt_tokens + answer.ids.size()) * model->meta.kv_bytes_per_token;
    const double beside_mib = mib(answer.footprint_bytes) - mib(rows);
    // By the first cut the context was full, and all that grows with it has grown.
    if (warm_mib == 0 && dropped > 0) warm_mib = beside_mib;
    most_mib = std::max(most_mib, warm_mib > 0 ? beside_mib : 0.0);
    footprints.push(mib(answer.footprint_bytes));
    report.line(concat("turn ", turn, ": footprint ", fixed(mib(answer.footprint_bytes), 2),
                       " MiB, beside its rows ", fixed(beside_mib, 2), "; prompt ",
                       answer.prompt_tokens, " tokens, computed ", computed, ", messages left out ",
                       dropped));
  }
  const double ratio = static_cast<double>(totals.prompt) / static_cast<double>(totals.computed);
  const double turns = options.turns;
  report.line(concat("turns ", options.turns, ", not whole ", totals.not_whole, ", generated ",
                     totals.generated));
  report.line(concat("computed a turn: mean ",
                     fixed(static_cast<double>(totals.computed) / turns, 0), ", ",
                     totals.turn.text("tokens")));
  report.line(concat("turns that cut the history: ", totals.moved.text("tokens computed")));
  report.line(concat("without reuse: mean ", fixed(static_cast<double>(totals.prompt) / turns, 0),
                     " tokens a turn, ", fixed(ratio, 1), " times as many"));
  report.line(
      concat("growth after warm-up, beside the rows: ", fixed(most_mib - warm_mib, 2), " MiB"));
  report.json().set("turns", options.turns);
  report.json().set("not_whole", totals.not_whole);
  report.json().set("computed", totals.turn.json());
  report.json().set("computed_mean", static_cast<double>(totals.computed) / turns);
  report.json().set("prompt_mean", static_cast<double>(totals.prompt) / turns);
  report.json().set("cuts", totals.moved.json());
  report.json().set("reuse_ratio", ratio);
  report.json().set("footprint_mib", footprints);
  report.json().set("growth_mib", most_mib - warm_mib);
  return {};
}

}  // namespace etb::bench
