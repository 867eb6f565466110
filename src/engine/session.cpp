#include "engine/session.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engine/prompt_encoder.h"
#include "runner/logprobs.h"
#include "runner/sampler.h"
#include "stream/text_stream.h"

namespace etb {

using runner::Sampler;

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::Stop:
      return "stop";
    case FinishReason::Length:
      return "length";
    case FinishReason::StopString:
      return "stop_string";
    case FinishReason::Cancelled:
      return "cancelled";
  }
  return "unknown";
}

namespace {

// Room kept for the answer: what was asked for, else a quarter of the context, 512 at most.
size_t answer_reserve(const GenerateOptions& options, size_t context) {
  const size_t quarter = std::min<size_t>(context / 4, 512);
  if (options.max_tokens < 0) return quarter;
  return std::min<size_t>(static_cast<size_t>(options.max_tokens), context / 2);
}

size_t common_prefix(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  const size_t n = std::min(a.size(), b.size());
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(n), b.begin()).first - a.begin());
}

double per_second(size_t count, double ms) {
  return ms > 0 ? static_cast<double>(count) * 1000.0 / ms : 0;
}

}  // namespace

Session::Session(std::shared_ptr<Engine> engine, std::unique_ptr<runner::Sequence> sequence,
                 SessionOptions options, const Clock& clock)
    : engine_(std::move(engine)),
      sequence_(std::move(sequence)),
      options_(std::move(options)),
      clock_(clock) {
  reset();
}

void Session::reset() {
  messages_.clear();
  dropped_ = 0;
  if (!options_.system.empty()) messages_.push_back({"system", options_.system});
}

void Session::set_system(std::string system) {
  options_.system = std::move(system);
  std::erase_if(messages_, [](const prompt::Message& m) { return m.role == "system"; });
  if (!options_.system.empty()) messages_.insert(messages_.begin(), {"system", options_.system});
}

Result<Answer> Session::chat(std::string_view user_text, const GenerateOptions& options,
                             const TextSink& sink, const CancelToken* cancel) {
  std::vector<prompt::Message> messages = messages_;
  messages.push_back({"user", std::string(user_text)});
  return go_on(std::move(messages), options, sink, cancel);
}

Result<Answer> Session::answer(std::vector<prompt::Message> messages,
                               const GenerateOptions& options, const TextSink& sink,
                               const CancelToken* cancel) {
  if (messages.empty()) return Status(StatusCode::InvalidArgument, "the conversation is empty");
  const size_t dropped_before = std::exchange(dropped_, 0);
  auto result = go_on(std::move(messages), options, sink, cancel);
  if (!result.ok()) dropped_ = dropped_before;
  return result;
}

Result<Answer> Session::go_on(std::vector<prompt::Message> messages, const GenerateOptions& options,
                              const TextSink& sink, const CancelToken* cancel) {
  const HistoryBudget budget{.context = sequence_->capacity(),
                             .reserve = answer_reserve(options, sequence_->capacity()),
                             .already_dropped = dropped_};
  ETB_ASSIGN_OR_RETURN(const FormattedPrompt prompt,
                       formatted_prompt_with_history(
                           messages, budget, [this](const auto& kept) { return format(kept); }));
  ETB_ASSIGN_OR_RETURN(Answer answer, complete(prompt.ids, options, sink, cancel));
  answer.dropped_messages = prompt.dropped;
  // Cancelled before a word was said: as if it had not been asked.
  if (answer.finish_reason == FinishReason::Cancelled && answer.ids.empty()) return answer;
  dropped_ = prompt.dropped;
  remember(prompt, answer);
  messages_ = std::move(messages);
  messages_.push_back({"assistant", answer.text});
  return answer;
}

Result<FormattedPrompt> Session::format(const std::vector<prompt::Message>& messages) const {
  return encode_messages(engine_->bundle(), messages, transcript_,
                         options_.now_seconds.value_or(clock_.wall_seconds()));
}

// The next prompt usually repeats this one and this answer: its ids are spliced in as they were
// generated, where the text says the same.
void Session::remember(const FormattedPrompt& prompt, const Answer& answer) {
  transcript_ = {prompt.text, prompt.ids};
  std::vector<TokenId> said = answer.ids;
  if (answer.finish_reason == FinishReason::Stop && !said.empty()) said.pop_back();
  std::string spoken;
  for (const TokenId id : said) {
    if (const auto bytes = engine_->tokenizer().piece(id); bytes.ok()) spoken += *bytes;
  }
  if (spoken != answer.text) return;
  transcript_.text += answer.text;
  transcript_.ids.insert(transcript_.ids.end(), said.begin(), said.end());
}

Result<Answer> Session::complete(const std::vector<TokenId>& prompt, const GenerateOptions& options,
                                 const TextSink& sink, const CancelToken* cancel) {
  if (prompt.empty()) return Status(StatusCode::InvalidArgument, "the prompt is empty");
  if (prompt.size() >= sequence_->capacity()) {
    return Status(
        StatusCode::ContextFull,
        concat("the prompt has ", prompt.size(), " tokens, the context holds ",
               sequence_->capacity(), " with the answer: shorten it, or ask for a longer context"));
  }
  request_start_ns_ = clock_.now_ns();
  Answer answer;
  answer.prompt_ids = prompt;
  answer.prompt_tokens = prompt.size();
  std::span<const float> logits;
  Status status = prefill(prompt, answer, cancel, logits);
  const int64_t prefilled_ns = clock_.now_ns();
  const size_t computed = prompt.size() - answer.cached_tokens;
  answer.prefill_tps = per_second(computed, elapsed_ms(request_start_ns_, prefilled_ns));
  if (status.ok()) status = decode(options, sink, cancel, logits, answer);
  if (status.code() == StatusCode::Cancelled) {
    answer.finish_reason = FinishReason::Cancelled;
    return answer;
  }
  if (!status.ok()) return status;
  return answer;
}

// Keeps the longest prefix that is in the cache already; one id at least is fed, for its logits.
Status Session::prefill(const std::vector<TokenId>& prompt, Answer& answer,
                        const CancelToken* cancel, std::span<const float>& logits) {
  size_t keep = std::min(common_prefix(fed_, prompt), prompt.size() - 1);
  if (keep < sequence_->rewind_floor()) keep = 0;
  ETB_RETURN_IF_ERROR(sequence_->rewind(static_cast<uint32_t>(keep)));
  answer.cached_tokens = keep;
  auto result = sequence_->forward(std::span(prompt).subspan(keep), cancel);
  fed_.assign(prompt.begin(), prompt.begin() + sequence_->position());
  if (!result.ok()) return result.status();
  logits = *result;
  return {};
}

}  // namespace etb
