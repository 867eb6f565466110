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
#include "runner/text_runner.h"

namespace etb::runner {

inline constexpr const char* kForward = "forward";         // logits of the last position
inline constexpr const char* kForwardAll = "forward_all";  // logits of all positions

// Names of all methods.
Result<std::set<std::string>> method_names(const MethodContext& context);

// The integer outputs of a method without inputs or instructions. Empty if there is no such method;
// Corrupt if it is no list of integers.
Result<std::vector<int64_t>> constant_ints(const MethodContext& context,
                                           const std::set<std::string>& methods,
                                           const std::string& name);

// Fills context, chunk, vocab_size, bos, eos, has_forward_all. Unsupported if `forward` is not
// (tokens Long [1, S], input_pos Long [1]) -> logits Float; says which part of it is not.
Result<RunnerMeta> read_program_meta(const MethodContext& context,
                                     const std::set<std::string>& methods);

}  // namespace etb::runner
