#include "engine/generation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "engine/lookup_draft.h"
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

// A template may open the reasoning for the model: then the prompt ends with the tag.
stream::ReasoningTags reasoning_tags(const GenerationInput& input) {
  const family::ReasoningPair* const pair = input.model.bundle.reasoning;
  if (pair == nullptr || input.prompt_text.empty()) return {};
  const size_t end = input.prompt_text.find_last_not_of(" \t\r\n") + 1;
  return {.open = std::string(pair->open),
          .close = std::string(pair->close),
          .starts_inside = input.prompt_text.substr(0, end).ends_with(pair->open)};
}

stream::CallMarks call_marks(const GenerationInput& input) {
  return input.calls != nullptr ? input.calls->marks() : stream::CallMarks();
}

// What of the prompt the sequence does not hold: tokens, and rows of the images and sounds among
// them. The logits after the last of it.
Result<std::span<const float>> feed_prompt(const GenerationInput& input,
                                           runner::Sequence& sequence) {
  const std::span<const TokenId> prompt(input.prompt);
  std::span<const float> logits;
  const auto text_to = [&](size_t end) -> Status {
    const size_t at = sequence.position();
    if (at >= end) return {};
    ETB_ASSIGN_OR_RETURN(logits, sequence.forward(prompt.subspan(at, end - at), input.cancel));
    return {};
  };
  for (const PromptMedia& media : input.media) {
    const size_t end = std::min(prompt.size(), media.begin + media.count);
    if (sequence.position() >= end) continue;
    ETB_RETURN_IF_ERROR(text_to(media.begin));
    ETB_ASSIGN_OR_RETURN(const auto rows, input.encoder.encode(*media.media, input.cancel));
    const size_t at = sequence.position();
    ETB_ASSIGN_OR_RETURN(
        logits, sequence.forward_embeddings(prompt.subspan(at, end - at),
                                            std::span(rows->bytes)
                                                .subspan((at - media.begin) * rows->row_bytes,
                                                         (end - at) * rows->row_bytes),
                                            input.cancel));
  }
  ETB_RETURN_IF_ERROR(text_to(prompt.size()));
  return logits;
}

// One answer in the making on one sequence.
class Generation {
 public:
  Generation(const GenerationInput& input, runner::Sequence& sequence)
      : in_(input),
        sequence_(sequence),
        tags_(reasoning_tags(input)),
        stream_(
            {.stops = input.options.stops,
             .batch = input.options.batch,
             .reasoning = tags_,
             .on_reasoning = [this](std::string_view text) { emit(EventKind::Reasoning, text); },
             .calls = call_marks(input),
             .accepts_call = [this](std::string_view body) { return in_.calls->accepts(body); },
             .on_call = [this](std::string_view body) { take_calls(body); }},
            input.clock, [this](std::string_view text) { emit(EventKind::Text, text); }) {
    answer_.prompt_ids = input.prompt;
    answer_.prompt_tokens = input.prompt.size();
    answer_.cached_tokens = sequence.position();
  }

  Result<Answer> run();

 private:
  Status prefill();
  Status decode();
  // Samples the next token from logits_ into next_ and shows it. True when the answer is over.
  Result<bool> step();
  Result<bool> take(TokenId id);
  // Feeds next_, perhaps with a draft of what may follow, and samples what does.
  Result<bool> advance();
  Result<bool> plain_pass();
  Result<bool> checked_pass(std::vector<TokenId> ids, size_t match);
  Draft draft() const;
  // Those of tokens: a model may foretell more than its vocabulary has, to fill up a round number.
  std::span<const float> known_logits() const {
    return logits_.first(std::min<size_t>(logits_.size(), in_.model.tokenizer().vocab_size()));
  }
  size_t room_left() const;  // positions
  void emit(EventKind kind, std::string_view text);
  void take_calls(std::string_view body);
  bool is_mark(std::string_view spelt) const;
  Result<bool> show(TokenId id);

  const GenerationInput& in_;
  runner::Sequence& sequence_;
  const stream::ReasoningTags tags_;
  stream::TextStream stream_;
  int64_t decode_start_ns_ = 0;
  std::optional<runner::Sampler> sampler_;
  PromptLookup lookup_;
  DraftPolicy policy_;
  size_t limit_ = 0;               // tokens of the answer at most
  TokenId next_ = 0;               // sampled and shown, not fed yet
  std::span<const float> logits_;  // after all that was fed; the runner's, until its next forward
  std::vector<TokenLogprobs> unsent_logprobs_;
  Answer answer_;
};

void Generation::emit(EventKind kind, std::string_view text) {
  if (!in_.emit) return;
  in_.emit(
      {.kind = kind, .text = std::string(text), .logprobs = std::exchange(unsent_logprobs_, {})});
}

void Generation::take_calls(std::string_view body) {
  for (ToolCall& call : in_.calls->take(body)) {
    if (in_.emit) in_.emit({.kind = EventKind::ToolCall, .call = call});
    answer_.tool_calls.push_back(std::move(call));
  }
}

Status Generation::prefill() {
  const int64_t start_ns = in_.clock.now_ns();
  const size_t fresh = in_.prompt.size() - sequence_.position();
  ETB_ASSIGN_OR_RETURN(logits_, feed_prompt(in_, sequence_));
  answer_.prefill_tps = per_second(fresh, elapsed_ms(start_ns, in_.clock.now_ns()));
  return {};
}

// One sampled token: counted, reported, shown. True when the answer is over.
Result<bool> Generation::take(TokenId id) {
  answer_.ids.push_back(id);
  if (answer_.ids.size() == 1) answer_.ttft_ms = elapsed_ms(in_.start_ns, in_.clock.now_ns());
  if (in_.options.logprobs > 0) {
    ETB_ASSIGN_OR_RETURN(TokenLogprobs report,
                         logprobs_of(known_logits(), id, in_.options.logprobs));
    unsent_logprobs_.push_back(report);
    answer_.logprobs.push_back(std::move(report));
  }
  if (in_.model.stops_at(id)) {
    answer_.finish_reason = in_.options.ignore_eos ? FinishReason::Length : FinishReason::Stop;
    return !in_.options.ignore_eos;
  }
  ETB_ASSIGN_OR_RETURN(const bool stop, show(id));
  answer_.finish_reason = stop ? FinishReason::StopString : FinishReason::Length;
  return stop;
}

// The stream parts the text there.
bool Generation::is_mark(std::string_view spelt) const {
  if (spelt.empty()) return false;
  if (spelt == tags_.open || spelt == tags_.close) return true;
  if (in_.calls == nullptr) return false;
  const family::CallFormat& calls = in_.calls->format();
  return spelt == calls.open || spelt == calls.close || spelt == calls.id || spelt == calls.json;
}

// Into the stream. Control tokens are no text, but for the marks that the stream parts it at.
Result<bool> Generation::show(TokenId id) {
  const token::Tokenizer& tokenizer = in_.model.tokenizer();
  ETB_ASSIGN_OR_RETURN(std::string_view bytes, tokenizer.piece(id));
  if (bytes.empty()) {
    ETB_ASSIGN_OR_RETURN(const std::string_view spelt, tokenizer.piece(id, {.special = true}));
    if (is_mark(spelt)) bytes = spelt;
  }
  const bool stop = stream_.push(bytes);
  if (stream_.reasons()) {  // it comes first: all tokens so far are of it
    answer_.reasoning_tokens = answer_.ids.size();
    answer_.reasoning_ms = elapsed_ms(decode_start_ns_, in_.clock.now_ns());
  }
  return stop;
}

Result<bool> Generation::step() {
  ETB_ASSIGN_OR_RETURN(next_, sampler_->sample(known_logits()));
  sampler_->accept(next_);
  if (in_.options.lookup) lookup_.accept(next_);
  ETB_ASSIGN_OR_RETURN(const bool over, take(next_));
  return over || answer_.ids.size() >= limit_;
}

size_t Generation::room_left() const {
  const uint32_t capacity = in_.capacity();
  return capacity - std::min(capacity, sequence_.position());
}

// What may follow next_, as far as there is room to check it and to say it.
Draft Generation::draft() const {
  if (!in_.options.lookup || !in_.model.meta.has_forward_all) return {};
  const size_t chunk = in_.model.meta.chunk;
  const size_t room = room_left();
  const size_t most = std::min({policy_.longest_draft(), limit_ - answer_.ids.size(), chunk, room});
  if (most < 2) return {};
  Draft draft = lookup_.draft(most - 1);
  draft.ids = draft.ids.first(policy_.length(draft.ids.size(), draft.match, in_.costs));
  return draft;
}

Result<bool> Generation::advance() {
  in_.between();
  if (room_left() == 0) return true;
  const Draft next = draft();
  if (next.ids.empty()) return plain_pass();
  std::vector<TokenId> ids = {next_};
  ids.insert(ids.end(), next.ids.begin(), next.ids.end());
  return checked_pass(std::move(ids), next.match);
}

Result<bool> Generation::plain_pass() {
  const int64_t start_ns = in_.clock.now_ns();
  auto result = sequence_.forward(std::span(&next_, 1), in_.cancel);
  if (!result.ok()) return result.status();
  in_.costs.add(1, elapsed_ms(start_ns, in_.clock.now_ns()));
  policy_.report({});
  logits_ = *result;
  return step();
}

// ids[0] is next_, the others are guesses. Each row of logits is sampled from as if it had come by
// itself; the first guess that was wrong ends it, and what was fed beyond is taken back.
Result<bool> Generation::checked_pass(std::vector<TokenId> ids, size_t match) {
  const uint32_t before = sequence_.position();
  const int64_t start_ns = in_.clock.now_ns();
  double ms = 0;
  size_t right = 0;
  bool going = true;
  bool over = false;
  ETB_RETURN_IF_ERROR(sequence_.forward_all(
      ids, in_.cancel, [&](size_t row, std::span<const float> logits) -> Status {
        if (row == 0) ms = elapsed_ms(start_ns, in_.clock.now_ns());
        if (!going) return {};
        logits_ = logits;
        ETB_ASSIGN_OR_RETURN(over, step());
        going = !over && row + 1 < ids.size() && next_ == ids[row + 1];
        right += going ? 1 : 0;
        return {};
      }));
  const size_t drafted = ids.size() - 1;
  in_.costs.add(ids.size(), ms);
  policy_.report(
      {.match = match, .drafted = drafted, .accepted = right, .cost = in_.costs.of(drafted)});
  ETB_RETURN_IF_ERROR(sequence_.rewind(before + 1 + static_cast<uint32_t>(right)));
  return over;
}

Status Generation::decode() {
  ETB_ASSIGN_OR_RETURN(sampler_,
                       runner::Sampler::create(sampler_options(in_.options, in_.model.tokenizer()),
                                               known_logits().size()));
  std::vector<TokenId> said = in_.prompt;
  std::erase_if(said, is_media_id);  // neither penalised nor foretold
  sampler_->accept(said);
  if (in_.options.lookup) lookup_.accept(said);
  const size_t room = room_left();
  limit_ = in_.options.max_tokens < 0 ? room
                                      : std::min(room, static_cast<size_t>(in_.options.max_tokens));
  if (limit_ == 0) return {};
  decode_start_ns_ = in_.clock.now_ns();
  ETB_ASSIGN_OR_RETURN(bool over, step());
  while (!over) {
    ETB_ASSIGN_OR_RETURN(over, advance());
    answer_.decode_tps =
        per_second(answer_.ids.size() - 1, elapsed_ms(decode_start_ns_, in_.clock.now_ns()));
  }
  return {};
}

Result<Answer> Generation::run() {
  Status status = prefill();
  if (status.ok()) status = decode();
  // However it ended: what was held back leaves.
  stream_.finish();
  answer_.text = stream_.text();
  answer_.reasoning = stream_.reasoning();
  const bool stopped = answer_.finish_reason == FinishReason::Stop;
  if (stopped && !answer_.tool_calls.empty()) answer_.finish_reason = FinishReason::ToolCalls;
  answer_.drafted_tokens = policy_.stats().drafted;
  answer_.accepted_tokens = policy_.stats().accepted;
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
  const auto result = feed_prompt(input, sequence);
  if (!result.ok() && result.status().code() != StatusCode::Cancelled) return result.status();
  return {};
}

}  // namespace etb
