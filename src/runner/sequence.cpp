#include "runner/sequence.h"

namespace etb::runner {

Result<std::span<const float>> Sequence::forward_embeddings(std::span<const TokenId>,
                                                            std::span<const uint8_t>,
                                                            const CancelToken*) {
  return Status(StatusCode::Unsupported, "this model takes tokens alone, no embeddings");
}

}  // namespace etb::runner
