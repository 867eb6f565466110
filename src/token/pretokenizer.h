// How byte-level BPE cuts text into words before it merges: the regular expression behind a model
// file's `tokenizer.ggml.pre`. PCRE2 stays inside pretokenizer.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace etb::token {

// Immutable and thread-safe; copies share the compiled expression.
class PreTokenizer {
 public:
  // Unsupported, naming the known ones, if `name` is not known.
  static Result<PreTokenizer> create(std::string_view name);

  // A word that is a vocabulary entry is taken whole, whatever the merges say (Llama 3).
  bool ignore_merges() const;
  // The text is brought to NFC first (Qwen).
  bool normalizes() const;

  // Appends the end offset of each word; together they cover the text. Precondition: valid UTF-8.
  Status split(std::string_view text, std::vector<uint32_t>& ends) const;

 private:
  struct Compiled;
  explicit PreTokenizer(std::shared_ptr<const Compiled> compiled);
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace etb::token
