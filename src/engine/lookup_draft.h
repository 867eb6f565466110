// Drafts by prompt look-up: an answer that repeats its prompt (a summary, an edit, a quotation)
// goes on as it went on before. Finds the longest run of last tokens that stands earlier in the
// conversation and proposes what followed there; the model then checks all of it in one pass, so a
// draft may cost time but never changes a token. When drafting pays: draft_policy.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/token_id.h"

namespace etb {

struct LookupOptions {
  // Runs of this many tokens are looked for, longest first. Clamped to 1..kMostMatch.
  size_t longest_match = 4;
  size_t shortest_match = 2;
  // Tokens remembered; beyond it the older half is forgotten. At least kLeastCapacity. Memory: 4
  // bytes a token, and 8 to 16 for each length of run.
  size_t capacity = 32768;
};

// A proposal: the ids, and how long a run it continues. The longer, the likelier it is right.
struct Draft {
  std::span<const TokenId> ids;  // into the PromptLookup, valid until its next accept()
  size_t match = 0;              // 0: nothing to propose, `ids` is empty
};

// Not thread-safe. Costs a few table look-ups a token, whatever the length of the history.
class PromptLookup {
 public:
  static constexpr size_t kMostMatch = 8;
  static constexpr size_t kLeastCapacity = 64;

  explicit PromptLookup(const LookupOptions& options = {});

  // Tokens of the prompt and of the answer, in order, each once. Rejected drafts are none of them.
  void accept(TokenId id);
  void accept(std::span<const TokenId> ids);
  // Forgets everything: the conversation was changed before its end.
  void reset();

  // What followed the latest earlier place of the longest run that has one: at most `most` ids, and
  // none beyond the history.
  Draft draft(size_t most) const;

  size_t remembered() const { return history_.size(); }

 private:
  // Hash table of runs of one length: the end of each one's latest place (the index after it); 0: a
  // free slot. Open addressing; what is found is compared, so a collision proposes nothing wrong.
  using Ends = std::vector<uint32_t>;

  void index(size_t at);
  void rebuild(size_t slots);
  uint32_t& place_of(Ends& ends, size_t end, size_t length);
  bool same_run(size_t end, size_t other_end, size_t length) const;

  LookupOptions options_;
  std::vector<TokenId> history_;
  size_t slots_ = 0;                       // of each table; a power of two
  std::array<Ends, kMostMatch + 1> ends_;  // by length
  // The latest earlier place of the last n tokens, before they entered the table; 0: none.
  std::array<uint32_t, kMostMatch + 1> earlier_{};
};

}  // namespace etb
