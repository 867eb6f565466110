// The methods beside a text decoder that takes embeddings: what turns tokens, images and sounds
// into rows of them. Over memory of their own, for a decoder keeps its cache in its own. Model
// thread only; internal to the room.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/execution.h"
#include "media/recipe.h"
#include "model/media_methods.h"
#include "runner/input_tensor.h"
#include "runner/loaded_method.h"
#include "runner/sequence.h"

namespace etb::runner {

class EmbeddingMethods {
 public:
  // Loads the embedding of tokens; an encoder is loaded with the first image or sound, so that who
  // only writes does not pay for it. `context` outlives this.
  static Result<std::unique_ptr<EmbeddingMethods>> open(const MethodContext& context,
                                                        const model::MediaMethods& media,
                                                        const media::ImageRecipe& recipe);

  uint32_t most_tokens() const { return most_tokens_; }  // of one call
  size_t row_bytes() const { return row_bytes_; }

  // A row of each id, valid until the next call. Preconditions: at most most_tokens() ids, each in
  // the vocabulary.
  Result<std::span<const uint8_t>> of_tokens(std::span<const TokenId> ids,
                                             const kernels::Execution& execution);
  // As TextRunner::encode() has it. What was encoded last is kept and found again.
  Result<std::shared_ptr<const Embeddings>> of_media(const media::Media& media,
                                                     const kernels::Execution& execution);

 private:
  struct OwnMethod {
    Arenas arenas;
    std::unique_ptr<LoadedMethod> loaded;
  };
  // The only input of an encoder.
  struct Input {
    executorch::aten::ScalarType type = executorch::aten::ScalarType::Float;
    std::vector<int32_t> sizes;
    std::vector<uint8_t> bytes;
  };
  struct Kept {
    uint64_t hash = 0;
    std::shared_ptr<const Embeddings> rows;
  };

  EmbeddingMethods(const MethodContext& context, const model::MediaMethods& media,
                   const media::ImageRecipe& recipe);
  Status load(std::string_view name, OwnMethod& out) const;
  Result<std::span<const uint8_t>> run(OwnMethod& method, InputTensor& input, size_t rows,
                                       const kernels::Execution& execution) const;
  Input image_input(const media::Image& image) const;
  Input audio_input(const media::Audio& audio) const;
  void keep(uint64_t hash, std::shared_ptr<const Embeddings> rows);

  const MethodContext& context_;
  const model::MediaMethods media_;
  const media::ImageRecipe recipe_;
  size_t row_bytes_ = 0;
  uint32_t most_tokens_ = 0;
  executorch::aten::ScalarType id_type_ = executorch::aten::ScalarType::Long;  // or Int
  OwnMethod tokens_, image_, audio_;
  std::vector<int64_t> ids_;  // input of tokens_
  std::list<Kept> kept_;      // the newest first
};

}  // namespace etb::runner
