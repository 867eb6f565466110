// How a method that turns tokens into logits wants to be called: read from its inputs and outputs,
// since stock exporters differ and say little else about it.
#pragma once

#include <cstdint>
#include <string>

#include <executorch/runtime/core/exec_aten/exec_aten.h>

#include "base/status.h"
#include "runner/loaded_method.h"

namespace etb::runner {

// No model goes beyond these; the numbers of a damaged file do.
inline constexpr int64_t kMaxPositions = int64_t{1} << 26;
inline constexpr int64_t kMaxVocab = int64_t{1} << 24;

struct MethodContract {
  std::string name;
  executorch::aten::ScalarType token_type = executorch::aten::ScalarType::Long;     // or Int
  executorch::aten::ScalarType position_type = executorch::aten::ScalarType::Long;  // or Int
  // Embeddings [1, S, width] instead of tokens, of this type.
  bool embeddings = false;
  executorch::aten::ScalarType embedding_type = executorch::aten::ScalarType::Float;
  uint32_t width = 0;
  bool each_position = false;  // a position for each token, rather than the first one's
  bool all_rows = false;       // logits of each token, rather than of the last
  executorch::aten::ScalarType logits_type = executorch::aten::ScalarType::Float;  // Half, BFloat16
  uint32_t most_tokens = 1;                                                        // of one call
  uint32_t vocab = 0;
};

// (tokens [1, S], position [1] or [S]), of a text decoder (embeddings [1, S, H], ...) -> logits [1,
// V], [1, 1, V] or [1, S, V]. Unsupported, saying which part of it is not so.
Result<MethodContract> read_contract(const MethodContext& context, const std::string& method);

}  // namespace etb::runner
