// A conversation of 1,500 tokens is saved and its engine ended. Another engine restores it and
// answers; a third computes the same prompt from nothing. Timed is from the call that begins it
// (restore_session(), submit()) to the first token, the model being loaded; all log-probabilities
// of the first token are compared bit by bit.
#include <algorithm>

#include "base/text.h"
#include "bench.h"

namespace etb::bench {
namespace {

constexpr uint32_t kContext = 2048;
constexpr size_t kTokens = 1500;

// The first token with the whole distribution that it was drawn from.
GenerateOptions first_token(const ModelInfo& model) {
  return {.max_tokens = 1, .logprobs = static_cast<int>(model.meta.vocab_size)};
}

bool same_bits(const Answer& a, const Answer& b) {
  return a.prompt_ids == b.prompt_ids && a.ids == b.ids && a.logprobs.size() == 1 &&
         b.logprobs.size() == 1 && a.logprobs[0].top == b.logprobs[0].top;
}

// Talks until the conversation has kTokens, and saves it.
Status save_talk(const Options& options, const Prose& prose, const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(options.model, kContext));
  const auto session = engine->new_session({.now_seconds = 0});
  for (size_t from = 0; session->use().positions < kTokens; from += 40) {
    const size_t words = std::min<size_t>(160, (kTokens - session->use().positions) / 3 + 8);
    ETB_RETURN_IF_ERROR(
        ask(*session, Prompt::user(prose.words(from, words)), {.max_tokens = 32}).status());
  }
  return session->save(path);
}

struct Found {
  Series restored;    // ms to the first token
  Series loaded;      // of these, until restore_session() was back
  Series computed;    // ms to the first token without
  size_t tokens = 0;  // of the prompt
  size_t cached = 0;
  int equal = 0;
};

Status measure_once(const Options& options, const std::string& path, Found& found) {
  const Clock& clock = Clock::system();
  Answer answer;
  {
    ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(options.model, kContext));
    const int64_t start_ns = clock.now_ns();
    ETB_ASSIGN_OR_RETURN(const auto session, engine->restore_session(path, {.now_seconds = 0}));
    const double loaded_ms = elapsed_ms(start_ns, clock.now_ns());
    ETB_ASSIGN_OR_RETURN(
        answer, ask(*session, Prompt::user("And what came of it?"), first_token(*engine->model())));
    found.loaded.add(loaded_ms);
    found.restored.add(loaded_ms + answer.ttft_ms);
  }
  ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(options.model, kContext));
  const auto session = engine->new_session({});
  ETB_ASSIGN_OR_RETURN(const Answer fresh, ask(*session, Prompt::tokens(answer.prompt_ids),
                                               first_token(*engine->model())));
  found.computed.add(fresh.ttft_ms);
  found.tokens = answer.prompt_tokens;
  found.cached = answer.cached_tokens;
  found.equal += same_bits(answer, fresh) ? 1 : 0;
  return {};
}

}  // namespace

Status bench_restore(const Options& options, Report& report) {
  ETB_ASSIGN_OR_RETURN(const Prose prose, Prose::open());
  const Folder folder;
  const std::string path = folder.path("talk.etbs");
  ETB_RETURN_IF_ERROR(save_talk(options, prose, path));
  Found found;
  for (int i = 0; i < options.repeats; ++i) {
    ETB_RETURN_IF_ERROR(measure_once(options, path, found));
  }
  const double ratio = found.computed.median() / found.restored.median();
  report.line(concat("prompt of ", found.tokens, " tokens, ", found.cached, " from the file"));
  report.line(concat("restored, first token after: ", found.restored.text("ms")));
  report.line(concat("  of these restore_session(): ", found.loaded.text("ms")));
  report.line(concat("computed, first token after: ", found.computed.text("ms")));
  report.line(concat("sooner by ", fixed(ratio, 1), " times; first token's distribution equal in ",
                     found.equal, " of ", options.repeats));
  report.json().set("prompt_tokens", static_cast<uint64_t>(found.tokens));
  report.json().set("cached_tokens", static_cast<uint64_t>(found.cached));
  report.json().set("restored_ms", found.restored.json());
  report.json().set("restore_session_ms", found.loaded.json());
  report.json().set("computed_ms", found.computed.json());
  report.json().set("ratio", ratio);
  report.json().set("equal", found.equal);
  report.json().set("repeats", options.repeats);
  return {};
}

}  // namespace etb::bench
