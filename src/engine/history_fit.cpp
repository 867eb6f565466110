#include "engine/history_fit.h"

#include <algorithm>
#include <optional>

namespace etb {
namespace {

// Estimates are this often tried in a row; then every other probe halves what is left, so that a
// conversation that defies them costs a logarithm of its exchanges and not their number.
constexpr int kGuesses = 4;

// What one render taught: so many tokens for so many bytes.
struct Known {
  double bytes = 0;
  double tokens = 0;
};

double slope(const Known& a, const Known& b) {
  const double bytes = a.bytes - b.bytes;
  return bytes > 0 && a.tokens > b.tokens ? (a.tokens - b.tokens) / bytes : 0;
}

}  // namespace

size_t message_bytes(const prompt::Message& message) {
  constexpr size_t kAround = 24;
  constexpr size_t kMedia = 1024;  // as text of about as many tokens
  return message.media.size() * kMedia + message.content.size() + message.role.size() +
         message.fields.size() + kAround;
}

// The first option in (low, high) that should have lost enough.
size_t FitSearch::guess(size_t low, size_t high, double tokens_to_lose,
                        double tokens_per_byte) const {
  for (size_t option = low + 1; option < high; ++option) {
    const auto lost = static_cast<double>(bytes[low] - bytes[option]);
    if (lost * tokens_per_byte >= tokens_to_lose) return option;
  }
  return high;
}

Result<FitSearch::Found> FitSearch::first_within(size_t limit, FormattedPrompt longest) const {
  const auto known = [&](size_t option, const FormattedPrompt& prompt) {
    return Known{static_cast<double>(bytes[option]), static_cast<double>(prompt.ids.size())};
  };
  size_t low = 0;  // too long
  size_t high = bytes.size() - 1;
  std::optional<FormattedPrompt> at_high;  // once rendered
  Known low_known = known(0, longest);
  Known other{};  // a second point for the slope: none costs nothing
  if (high == 0) return Found{0, std::move(longest)};
  for (int probe = 0; !at_high || high - low > 1; ++probe) {
    const size_t last = at_high ? high - 1 : high;
    const double to_lose = low_known.tokens - static_cast<double>(limit);
    size_t option = low + (last - low + 1) / 2;
    if (probe < kGuesses || probe % 2 == 0) {
      option = std::min(guess(low, high, to_lose, slope(low_known, other)), last);
    }
    ETB_ASSIGN_OR_RETURN(FormattedPrompt prompt, render(option));
    if (prompt.ids.size() <= limit || option == bytes.size() - 1) {
      high = option;
      other = known(option, prompt);
      at_high = std::move(prompt);
      continue;
    }
    if (!at_high) other = low_known;
    low = option;
    low_known = known(option, prompt);
  }
  return Found{high, std::move(*at_high)};
}

}  // namespace etb
