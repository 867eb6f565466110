#include "engine/generation.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
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

double per_second(size_t count, double ms) {
  return ms > 0 ? static_cast<double>(count) * 1000.0 / ms : 0;
}

// One answer in the making on one sequence.
class Generation {
 public:
  Generation(const GenerationInput& input, runner::Sequence& sequence)
      : in_(input),
        sequence_(sequence),
        stream_({.stops = input.options.stops, .batch = input.options.batch}, input.clock,
                [this](std::string_view text) { emit_text(text); }) {
    answer_.prompt_ids = input.prompt;
    answer_.prompt_tokens = input.prompt.size();
    answer_.cached_tokens = sequence.position();
  }

  Result<Answer> run();

 private:
  Status prefill();
  Status decode();
  Result<bool> take(TokenId id);
  void emit_text(std::string_view text);

  const GenerationInput& in_;
  runner::Sequence& sequence_;
  stream::TextStream stream_;
  std::span<const float> logits_;  // after all that was fed; the runner's, until its next forward
  std::vector<TokenLogprobs> unsent_logprobs_;
  Answer answer_;
};

void Generation::emit_text(std::string_view text) {
  if (!in_.emit) return;
  in_.emit({.kind = EventKind::Text,
            .text = std::string(text),
            .logprobs = std::exchange(unsent_logprobs_, {})});
}

Status Generation::prefill() {
  const int64_t start_ns = in_.clock.now_ns();
  const auto rest = std::span(in_.prompt).subspan(sequence_.position());
  auto result = sequence_.forward(rest, in_.cancel);
  if (!result.ok()) return result.status();
  logits_ = *result;
  answer_.prefill_tps = per_second(rest.size(), elapsed_ms(start_ns, in_.clock.now_ns()));
  return {};
}

// One sampled token: counted, reported, shown. True when the answer is over.
Result<bool> Generation::take(TokenId id) {
  answer_.ids.push_back(id);
  if (answer_.ids.size() == 1) answer_.ttft_ms = elapsed_ms(in_.start_ns, in_.clock.now_ns());
  if (in_.options.logprobs > 0) {
    ETB_ASSIGN_OR_RETURN(TokenLogprobs report, logprobs_of(logits_, id, in_.options.logprobs));
    unsent_logprobs_.push_back(report);
    answer_.logprobs.push_back(std::move(report));
  }
  if (in_.model.stops_at(id)) {
    answer_.finish_reason = in_.options.ignore_eos ? FinishReason::Length : FinishReason::Stop;
    return !in_.options.ignore_eos;
  }
  ETB_ASSIGN_OR_RETURN(const std::string_view bytes, in_.model.tokenizer().piece(id));
  const bool stop = stream_.push(bytes);
  answer_.finish_reason = stop ? FinishReason::StopString : FinishReason::Length;
  return stop;
}

Status Generation::decode() {
  ETB_ASSIGN_OR_RETURN(
      runner::Sampler sampler,
      runner::Sampler::create(sampler_options(in_.options, in_.model.tokenizer()), logits_.size()));
  sampler.accept(in_.prompt);
  const int64_t start_ns = in_.clock.now_ns();
  const size_t room = in_.capacity - std::min(in_.capacity, sequence_.position());
  const size_t limit = in_.options.max_tokens < 0
                           ? room
                           : std::min(room, static_cast<size_t>(in_.options.max_tokens));
  while (answer_.ids.size() < limit) {
    ETB_ASSIGN_OR_RETURN(const TokenId id, sampler.sample(logits_));
    sampler.accept(id);
    ETB_ASSIGN_OR_RETURN(const bool over, take(id));
    if (over || answer_.ids.size() == limit) break;
    auto next = sequence_.forward(std::span(&id, 1), in_.cancel);
    if (!next.ok()) return next.status();
    logits_ = *next;
    answer_.decode_tps = per_second(answer_.ids.size(), elapsed_ms(start_ns, in_.clock.now_ns()));
  }
  return {};
}

Result<Answer> Generation::run() {
  Status status = prefill();
  if (status.ok()) status = decode();
  // However it ended: what was held back leaves.
  stream_.finish();
  answer_.text = stream_.text();
  if (status.code() == StatusCode::Cancelled) {
    answer_.finish_reason = FinishReason::Cancelled;
    status = {};
  }
  if (!status.ok()) return status;
  return std::move(answer_);
}

}  // namespace

Result<Answer> generate(const GenerationInput& input, runner::Sequence& sequence) {
  return Generation(input, sequence).run();
}

Status warm(const GenerationInput& input, runner::Sequence& sequence) {
  const auto rest = std::span(input.prompt).subspan(sequence.position());
  if (rest.empty()) return {};
  const auto result = sequence.forward(rest, input.cancel);
  if (!result.ok() && result.status().code() != StatusCode::Cancelled) return result.status();
  return {};
}

}  // namespace etb
