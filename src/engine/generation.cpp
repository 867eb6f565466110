// The decode loop of Session: sample, stop, stream, feed. A sampled token enters the cache only
// when the next one is wanted, so a stop costs nothing.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engine/session.h"
#include "runner/logprobs.h"
#include "runner/sampler.h"
#include "stream/text_stream.h"

namespace etb {
namespace {

Result<TokenLogprobs> logprobs_of(std::span<const float> logits, TokenId id, int top) {
  ETB_ASSIGN_OR_RETURN(const double normalizer, runner::log_sum_exp(logits));
  TokenLogprobs report{.id = id, .logprob = runner::logprob_of(logits, normalizer, id), .top = {}};
  for (const auto& [best, logprob] :
       runner::top_logprobs(logits, normalizer, static_cast<size_t>(top))) {
    report.top.emplace_back(best, logprob);
  }
  return report;
}

// Where DRY lets text begin anew: line ends, and what opens names, quotes and lists.
std::vector<TokenId> dry_breakers(const token::Tokenizer& tokenizer) {
  std::vector<TokenId> breakers;
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    const auto bytes = tokenizer.piece(id);
    if (bytes.ok() && bytes->find_first_of("\n:\"*") != std::string_view::npos)
      breakers.push_back(id);
  }
  return breakers;
}

runner::SamplerOptions sampler_options(const GenerateOptions& options,
                                       const token::Tokenizer& tokenizer) {
  runner::SamplerOptions sampler = options.sampler;
  if (sampler.dry.multiplier != 0 && sampler.dry_breakers.empty()) {
    sampler.dry_breakers = dry_breakers(tokenizer);
  }
  return sampler;
}

// Flushes the stream however the answer ends.
class Finisher {
 public:
  Finisher(stream::TextStream& stream, Answer& answer) : stream_(stream), answer_(answer) {}
  ~Finisher() {
    stream_.finish();
    answer_.text = stream_.text();
  }
  Finisher(const Finisher&) = delete;
  Finisher& operator=(const Finisher&) = delete;

 private:
  stream::TextStream& stream_;
  Answer& answer_;
};

}  // namespace

// One sampled token: counted, reported, shown. True when the answer is over.
Result<bool> Session::take(TokenId id, const GenerateOptions& options,
                           std::span<const float> logits, stream::TextStream& stream,
                           Answer& answer) {
  answer.ids.push_back(id);
  if (answer.ids.size() == 1) answer.ttft_ms = elapsed_ms(request_start_ns_, clock_.now_ns());
  if (options.logprobs > 0) {
    ETB_ASSIGN_OR_RETURN(TokenLogprobs report, logprobs_of(logits, id, options.logprobs));
    answer.logprobs.push_back(std::move(report));
  }
  const auto& stops = engine_->stop_ids();
  if (std::binary_search(stops.begin(), stops.end(), id)) {
    answer.finish_reason = options.ignore_eos ? FinishReason::Length : FinishReason::Stop;
    return !options.ignore_eos;
  }
  ETB_ASSIGN_OR_RETURN(const std::string_view bytes, engine_->tokenizer().piece(id));
  if (stream.push(bytes)) {
    answer.finish_reason = FinishReason::StopString;
    return true;
  }
  answer.finish_reason = FinishReason::Length;
  return false;
}

Status Session::decode(const GenerateOptions& options, const TextSink& sink,
                       const CancelToken* cancel, std::span<const float> logits, Answer& answer) {
  ETB_ASSIGN_OR_RETURN(
      runner::Sampler sampler,
      runner::Sampler::create(sampler_options(options, engine_->tokenizer()), logits.size()));
  sampler.accept(answer.prompt_ids);
  stream::TextStream stream({.stops = options.stops, .batch = options.batch}, clock_,
                            sink ? sink : TextSink([](std::string_view) {}));
  const Finisher finisher(stream, answer);
  const int64_t start_ns = clock_.now_ns();
  const size_t room = sequence_->capacity() - sequence_->position();
  const size_t limit =
      options.max_tokens < 0 ? room : std::min(room, static_cast<size_t>(options.max_tokens));
  while (answer.ids.size() < limit) {
    ETB_ASSIGN_OR_RETURN(const TokenId id, sampler.sample(logits));
    sampler.accept(id);
    ETB_ASSIGN_OR_RETURN(const bool over, take(id, options, logits, stream, answer));
    if (over || answer.ids.size() == limit) break;
    auto next = sequence_->forward(std::span(&id, 1), cancel);
    if (!next.ok()) return next.status();
    fed_.push_back(id);
    logits = *next;
    const size_t steps = answer.ids.size();
    answer.decode_tps = static_cast<double>(steps) * 1000.0 / elapsed_ms(start_ns, clock_.now_ns());
  }
  return {};
}

}  // namespace etb
