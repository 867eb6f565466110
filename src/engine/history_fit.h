// Finds how much must go so that a prompt fits, with few renders: estimate from the bytes of the
// messages, correct by what a render really cost. Used by history.cpp and history_summary.cpp.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/status.h"
#include "engine/history.h"

namespace etb {

struct FitSearch {
  // Option i leaves out all that option i - 1 does, and more. bytes[i]: about how many bytes of
  // messages option i has; falling. Not empty.
  std::vector<size_t> bytes;
  std::function<Result<FormattedPrompt>(size_t option)> render;

  struct Found {
    size_t option = 0;
    FormattedPrompt prompt;
  };
  // The first option that has at most `limit` tokens; the last one if none has. `longest` is option
  // 0, rendered and found too long. Precondition: option by option the tokens become no more (else
  // what is returned fits all the same, but may not be the first that does).
  Result<Found> first_within(size_t limit, FormattedPrompt longest) const;

 private:
  size_t guess(size_t low, size_t high, double tokens_to_lose, double tokens_per_byte) const;
};

// What a message costs in bytes, with about what a template puts around it.
size_t message_bytes(const prompt::Message& message);

}  // namespace etb
