// What a program says of itself: the metadata methods of the stock contract, and the shapes of its
// forward methods.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "runner/loaded_method.h"
#include "runner/method_contract.h"
#include "runner/text_runner.h"

namespace etb::runner {

inline constexpr const char* kForward = "forward";         // logits of the last position
inline constexpr const char* kForwardAll = "forward_all";  // logits of all positions
// Some exporters write two methods over one cache instead: for many tokens and for one.
inline constexpr const char* kPrefill = "prefill";
inline constexpr const char* kDecode = "decode";

// The methods that turn tokens into logits, each with how it is called.
struct TextMethods {
  MethodContract many;
  std::optional<MethodContract> single;    // better for one token
  std::optional<MethodContract> all_rows;  // where `many` gives the last token's logits alone

  std::vector<const MethodContract*> list() const;
};

// Unsupported if there is neither `forward`, a text decoder, nor `prefill` with `decode`, or one is
// no text method.
Result<TextMethods> read_text_methods(const MethodContext& context,
                                      const std::set<std::string>& methods);

// Names of all methods.
Result<std::set<std::string>> method_names(const MethodContext& context);

// The integer outputs of a method without inputs or instructions. Empty if there is no such method;
// Corrupt if it is no list of integers.
Result<std::vector<int64_t>> constant_ints(const MethodContext& context,
                                           const std::set<std::string>& methods,
                                           const std::string& name);

// Fills context, chunk, vocab_size, bos, eos, has_forward_all.
Result<RunnerMeta> read_program_meta(const MethodContext& context,
                                     const std::set<std::string>& methods, const TextMethods& text);

}  // namespace etb::runner
