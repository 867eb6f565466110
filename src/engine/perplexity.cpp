#include "engine/perplexity.h"

#include <cmath>
#include <limits>

#include "base/text.h"
#include "runner/logprobs.h"

namespace etb {
namespace {

Result<float> logprob_after(std::span<const float> logits, TokenId next) {
  ETB_ASSIGN_OR_RETURN(const double normalizer, runner::log_sum_exp(logits));
  return runner::logprob_of(logits, normalizer, next);
}

Status check_window(LoadedModel& model, size_t ids, size_t window) {
  const uint32_t context = model.runner().meta().context;
  if (window > context) {
    return {StatusCode::InvalidArgument,
            concat("a window of ", window, " tokens does not fit the context of ", context,
                   ": lower -c or raise --context")};
  }
  if (ids < window) {
    return {StatusCode::InvalidArgument, concat("the text has ", ids, " tokens, one window needs ",
                                                window, ": lower -c or give a longer text")};
  }
  return {};
}

}  // namespace

Result<PerplexityReport> perplexity(LoadedModel& model, std::span<const TokenId> ids, size_t window,
                                    const PerplexityProgress& progress) {
  ETB_RETURN_IF_ERROR(check_window(model, ids.size(), window));
  ETB_ASSIGN_OR_RETURN(const auto sequence, model.runner().new_sequence());
  const auto& vocab = model.tokenizer();
  const bool starts_with_bos = vocab.wants_bos() && vocab.ids().bos.has_value();
  PerplexityReport report;
  double negative_sum = 0;
  const size_t chunks = ids.size() / window;
  const size_t first = window / 2;
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    std::vector<TokenId> part(ids.begin() + static_cast<ptrdiff_t>(chunk * window),
                              ids.begin() + static_cast<ptrdiff_t>((chunk + 1) * window));
    const std::vector<TokenId> targets = part;
    if (starts_with_bos) part[0] = *vocab.ids().bos;
    ETB_RETURN_IF_ERROR(sequence->rewind(0));
    ETB_RETURN_IF_ERROR(sequence->forward_all(
        part, nullptr, [&](size_t index, std::span<const float> logits) -> Status {
          if (index < first || index + 1 >= window) return {};
          ETB_ASSIGN_OR_RETURN(const float logprob, logprob_after(logits, targets[index + 1]));
          negative_sum -= static_cast<double>(logprob);
          ++report.tokens;
          return {};
        }));
    report.perplexity = std::exp(negative_sum / static_cast<double>(report.tokens));
    report.chunks = chunk + 1;
    if (progress) progress(chunk + 1, chunks, report.perplexity);
  }
  return report;
}

Status position_logprobs(LoadedModel& model, std::span<const TokenId> ids, size_t top,
                         const std::function<void(const PositionLogprobs&)>& visit) {
  ETB_ASSIGN_OR_RETURN(const auto sequence, model.runner().new_sequence());
  return sequence->forward_all(
      ids, nullptr, [&](size_t index, std::span<const float> logits) -> Status {
        ETB_ASSIGN_OR_RETURN(const double normalizer, runner::log_sum_exp(logits));
        PositionLogprobs position{.pos = index,
                                  .id = ids[index],
                                  .logprob = std::numeric_limits<float>::quiet_NaN(),
                                  .top = {}};
        if (index + 1 < ids.size()) {
          position.logprob = runner::logprob_of(logits, normalizer, ids[index + 1]);
        }
        for (const auto& [id, logprob] : runner::top_logprobs(logits, normalizer, top)) {
          position.top.emplace_back(id, logprob);
        }
        visit(position);
        return {};
      });
}

}  // namespace etb
