// Regular expressions over UTF-8 text. The only room file that sees PCRE2 is regex.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace etb::token {

struct TextRange {
  uint32_t begin = 0, end = 0;  // bytes
};

// Immutable and thread-safe; copies share the compiled expression.
class Regex {
 public:
  // As a tokenizer file spells it (Oniguruma's Ruby syntax): see to_pcre2(). Unsupported, naming
  // what, also for one that is too long, or that matches the empty text.
  static Result<Regex> compile(std::string_view pattern);

  // One for each thread that searches. The expression must outlive it.
  class Search {
   public:
    explicit Search(const Regex& regex);
    // Must outlive the searching; below 4 GiB.
    void set_text(std::string_view text) { text_ = text; }
    // The leftmost match at or behind `at`, never empty; nullopt if there is none.
    // InvalidArgument if the text cannot be searched within bounds.
    Result<std::optional<TextRange>> next(size_t at);

   private:
    struct MatchDeleter {
      void operator()(void* match) const;
    };
    const Regex& regex_;
    std::string_view text_;
    std::unique_ptr<void, MatchDeleter> match_;
  };

 private:
  struct Compiled;
  explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

// The inside of a character class: Unicode's White_Space. PCRE2's own \s also takes in U+180E.
#define ETB_REGEX_SPACE \
  R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})"

// Oniguruma's syntax in PCRE2's, where both mean the same; Unsupported, naming the construct, for
// whatever they differ in and tokenizers do not use: references, named groups, sets in sets, ...
Result<std::string> to_pcre2(std::string_view pattern);

}  // namespace etb::token
