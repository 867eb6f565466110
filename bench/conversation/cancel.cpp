// How long a cancel takes: from Request::cancel() on a thread of its own until the reader has the
// terminal event. At random moments of a prefill of 4,096 tokens, of decode behind it, in the queue
// behind another's answer, and while the model is imported and loaded.
//
// A prefill that was cancelled goes on where it was at the next try, so the tries pass through all
// of the prompt again and again instead of beginning it anew each time.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>

#include "base/text.h"
#include "bench.h"

namespace etb::bench {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;
constexpr uint32_t kContext = 8192;
constexpr size_t kPrompt = 4096;
constexpr auto kForever = std::chrono::hours(1);

struct Try {
  double latency_ms = 0;
  bool counts = false;  // it was cancelled, not over before
  Answer answer = {};
};

// Reads `request` to its end and cancels it meanwhile.
Result<Try> cancel_after(Request& request, double delay_ms) {
  const Clock& clock = Clock::system();
  int64_t called_ns = 0;
  std::thread canceller([&] {
    std::this_thread::sleep_for(Milliseconds(delay_ms));
    called_ns = clock.now_ns();
    request.cancel();
  });
  const auto answer = request.wait();
  const int64_t ended_ns = clock.now_ns();
  canceller.join();
  if (!answer.ok()) return answer.status();
  return Try{.latency_ms = elapsed_ms(called_ns, ended_ns),
             .counts = answer->finish_reason == FinishReason::Cancelled && ended_ns >= called_ns,
             .answer = *answer};
}

void wait_for_start(Request& request) {
  while (const auto event = request.next(kForever)) {
    if (event->kind == EventKind::Started) return;
  }
}

class Cancels {
 public:
  Cancels(const Options& options, Report& report)
      : options_(options), report_(report), random_(options.seed) {}

  Status in_prefill(Engine& engine);
  Status in_decode(Engine& engine);
  Status in_queue(Engine& engine);
  Status in_load();

 private:
  GenerateOptions endless() const { return {.max_tokens = 1 << 20, .ignore_eos = true}; }
  void show(std::string_view name, const Series& series) {
    report_.line(concat(name, ": ", series.text("ms")));
    report_.json().set(name, series.json());
  }
  Result<std::pair<Try, double>> cancel_load(double delay_ms);

  const Options& options_;
  Report& report_;
  Random random_;
  std::vector<TokenId> ids_;
  double token_ms_ = 50;
};

Status Cancels::in_prefill(Engine& engine) {
  const auto model = engine.model();
  const auto session = engine.new_session({});
  // How long a chunk takes.
  const auto measured =
      ask(*session, Prompt::tokens(random_ids(256, 256, random_)), {.max_tokens = 1});
  if (!measured.ok()) return measured.status();
  const double chunk_ms = 1000.0 * model->meta.chunk / std::max(measured->prefill_tps, 1.0);
  report_.line(
      concat("a chunk of ", model->meta.chunk, " tokens takes ", fixed(chunk_ms, 0), " ms"));
  Series latency;
  Series depth;
  ids_.clear();
  for (int started = 0; latency.count() < static_cast<size_t>(options_.tries);) {
    if (ids_.empty()) {
      ids_ = random_ids(kPrompt, model->meta.vocab_size, random_);
      report_.json().set("prefills", ++started);
    }
    ETB_ASSIGN_OR_RETURN(const auto request,
                         session->submit(Prompt::tokens(ids_), {.max_tokens = 1}));
    wait_for_start(*request);
    ETB_ASSIGN_OR_RETURN(const Try one, cancel_after(*request, uniform(random_, 1.5 * chunk_ms)));
    if (one.counts) {
      latency.add(one.latency_ms);
      depth.add(session->use().positions);
    }
    if (!one.answer.ids.empty()) ids_.clear();  // this prompt is done: the next one
  }
  report_.line(concat("prefill was cancelled at positions up to ", fixed(depth.max(), 0),
                      ", in the middle at ", fixed(depth.median(), 0)));
  show("prefill", latency);
  return {};
}

Status Cancels::in_decode(Engine& engine) {
  const auto model = engine.model();
  const auto session = engine.new_session({});
  ids_ = random_ids(kPrompt, model->meta.vocab_size, random_);
  GenerateOptions options = endless();
  options.max_tokens = 8;
  const auto measured = ask(*session, Prompt::tokens(ids_), options);
  if (!measured.ok()) return measured.status();
  token_ms_ = 1000.0 / std::max(measured->decode_tps, 1.0);
  report_.line(concat("a token takes ", fixed(token_ms_, 0), " ms"));
  Series latency;
  while (latency.count() < static_cast<size_t>(options_.tries)) {
    ETB_ASSIGN_OR_RETURN(const auto request, session->submit(Prompt::tokens(ids_), endless()));
    wait_for_start(*request);
    ETB_ASSIGN_OR_RETURN(const Try one,
                         cancel_after(*request, token_ms_ + uniform(random_, 6 * token_ms_)));
    if (one.counts && !one.answer.ids.empty()) latency.add(one.latency_ms);
  }
  show("decode", latency);
  return {};
}

Status Cancels::in_queue(Engine& engine) {
  const auto running = engine.new_session({});
  const auto waiting = engine.new_session({});
  Series latency;
  std::unique_ptr<Request> answer;
  while (latency.count() < static_cast<size_t>(options_.tries)) {
    if (!answer || answer->over()) {
      ETB_ASSIGN_OR_RETURN(answer, running->submit(Prompt::tokens({1, 2, 3}), endless()));
      wait_for_start(*answer);
    }
    ETB_ASSIGN_OR_RETURN(const auto request, waiting->submit(Prompt::tokens({3, 2, 1}), endless()));
    ETB_ASSIGN_OR_RETURN(const Try one, cancel_after(*request, uniform(random_, 2 * token_ms_)));
    if (one.counts && one.answer.ids.empty()) latency.add(one.latency_ms);
    while (answer->try_next()) {
    }
  }
  show("queue", latency);
  return {};
}

// A request that waits for the load is cancelled, then the load. Second: what the load took.
Result<std::pair<Try, double>> Cancels::cancel_load(double delay_ms) {
  const Clock& clock = Clock::system();
  const Folder cache;
  ::setenv("XDG_CACHE_HOME", cache.path("cache").c_str(), 1);
  const auto engine = Engine::create({});
  const auto token = std::make_shared<CancelToken>();
  std::promise<int64_t> done;
  auto ended = done.get_future();
  ETB_RETURN_IF_ERROR(
      engine->load_model({.model = {.model = options_.model, .context = kContext},
                          .cancel = token,
                          .done = [&](const Status&) { done.set_value(clock.now_ns()); }}));
  const auto session = engine->new_session({});
  ETB_ASSIGN_OR_RETURN(const auto request, session->submit(Prompt::tokens({1, 2, 3}), endless()));
  ETB_ASSIGN_OR_RETURN(Try one, cancel_after(*request, delay_ms));
  const int64_t called_ns = clock.now_ns();
  one.counts = one.counts && ended.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
  token->cancel();
  return std::pair(std::move(one), elapsed_ms(called_ns, ended.get()));
}

Status Cancels::in_load() {
  const int64_t start_ns = Clock::system().now_ns();
  double whole_ms = 0;
  {
    const Folder cache;
    ::setenv("XDG_CACHE_HOME", cache.path("cache").c_str(), 1);
    ETB_RETURN_IF_ERROR(load_engine(options_.model, kContext).status());
    whole_ms = elapsed_ms(start_ns, Clock::system().now_ns());
  }
  report_.line(concat("import and load take ", fixed(whole_ms, 0), " ms"));
  Series waiting;
  Series loading;
  for (int i = 0; i < std::max(options_.tries / 4, 1); ++i) {  // each begins an import anew
    ETB_ASSIGN_OR_RETURN(const auto one, cancel_load(uniform(random_, 0.95 * whole_ms)));
    if (!one.first.counts) continue;
    waiting.add(one.first.latency_ms);
    loading.add(one.second);
  }
  show("request_while_loading", waiting);
  show("load", loading);
  return {};
}

}  // namespace

Status bench_cancel(const Options& options, Report& report) {
  Cancels cancels(options, report);
  {
    ETB_ASSIGN_OR_RETURN(const auto engine, load_engine(options.model, kContext));
    ETB_RETURN_IF_ERROR(cancels.in_prefill(*engine));
    ETB_RETURN_IF_ERROR(cancels.in_decode(*engine));
    ETB_RETURN_IF_ERROR(cancels.in_queue(*engine));
  }
  return cancels.in_load();
}

}  // namespace etb::bench
