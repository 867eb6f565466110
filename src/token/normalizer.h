// Carries out the normalisation of TextRules.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "token/chars_map.h"
#include "token/regex.h"
#include "token/text_rules.h"

namespace etb::token {

// Immutable and thread-safe.
class Normalizer {
 public:
  Normalizer() = default;
  // Unsupported or Corrupt, naming the step, for an expression or map that cannot be used.
  static Result<Normalizer> create(std::vector<NormalizeStep> steps);

  bool empty() const { return steps_.empty(); }
  // `text` itself if nothing changes, else a view into `storage`. `prefix`: Prepend steps act.
  // InvalidArgument if the text grows beyond all measure. Precondition: valid UTF-8.
  Result<std::string_view> apply(std::string_view text, bool prefix, std::string& storage) const;

 private:
  struct Step {
    NormalizeStep rule;
    std::optional<Regex> regex;
    std::optional<CharsMap> map;
  };
  // Writes the result to `out` and returns true, or returns false if nothing changes.
  Result<bool> apply_step(const Step& step, std::string_view text, std::string& out) const;

  std::vector<Step> steps_;
};

// Every `from` in `text` by `to`, from left to right.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace etb::token
