// How many drafted tokens to have checked in one pass, so that speculation pays or stays away. Pure
// arithmetic over what was measured: how often drafts were right, and what passes cost.
//
// The unit of cost is one plain pass, that is the time of decoding one token. A pass that checks k
// drafted tokens costs c(k) of them and gives 1 + accepted tokens. If each drafted token is right
// with probability a once those before it are, that is 1 + a + ... + a^k on average. The k with the
// best ratio is taken if the ratio beats 1 by a margin.
//
// Two things keep the loss small where drafts are mostly wrong. What was measured is forgotten
// slowly and gives way to a hopeful guess, so drafts are tried again now and then. And there is an
// account: every token pays in kLossShare, a draft is only tried when the account can bear its
// failing altogether. So at every moment, whatever the text does,
//     cost <= (1 + kLossShare) * tokens + kFirstCredit.
#pragma once

#include <array>
#include <cstddef>

namespace etb {

// Time of passes by the number of tokens in them, smoothed; what was never measured is estimated
// from its neighbours.
class PassCosts {
 public:
  static constexpr size_t kMostTokens = 32;

  // A pass over `tokens` tokens (1: plain decoding) took `ms`. Zero tokens, longer passes and times
  // that are no positive number are ignored.
  void add(size_t tokens, double ms);
  // c(draft): at least 1, never falling as drafts grow. 1 for an empty draft.
  double of(size_t draft) const;

 private:
  std::array<double, kMostTokens + 1> ms_{};  // by tokens; 0: never measured
};

// A pass as it went.
struct DraftPass {
  size_t match = 0;     // Draft::match
  size_t drafted = 0;   // tokens checked; 0: a plain pass
  size_t accepted = 0;  // of these, right ones from the first on
  double cost = 1;      // PassCosts::of(drafted)
};

struct DraftStats {
  size_t drafted = 0;   // tokens
  size_t accepted = 0;  // tokens
  size_t passes = 0;    // that checked a draft
};

struct DraftPolicyOptions {
  size_t longest_draft = 8;  // at most PassCosts::kMostTokens - 1
  double margin = 0.05;      // the expected gain that makes a draft worth while
};

class DraftPolicy {
 public:
  static constexpr double kLossShare = 0.01;
  static constexpr double kFirstCredit = 0.5;  // plain passes

  explicit DraftPolicy(const DraftPolicyOptions& options = {});

  // The most that length() ever asks for: what to call PromptLookup::draft() with.
  size_t longest_draft() const { return options_.longest_draft; }
  // How many of `available` drafted tokens that continue a run of `match` to check now; 0: none, a
  // plain pass.
  size_t length(size_t available, size_t match, const PassCosts& costs) const;
  // To be called after every pass, plain ones too.
  void report(const DraftPass& pass);

  const DraftStats& stats() const { return stats_; }
  // The probability that a drafted token after a run of `match` is right, as it looks now.
  double acceptance(size_t match) const;
  // What a failing draft may cost now, in plain passes; never below 0.
  double credit() const { return credit_; }

 private:
  static constexpr size_t kClasses = 9;  // by match, longer ones in the last
  struct Counts {
    double right = 0;
    double tried = 0;
  };

  DraftPolicyOptions options_;
  std::array<Counts, kClasses> counts_{};
  double credit_ = kFirstCredit;
  DraftStats stats_;
};

}  // namespace etb
